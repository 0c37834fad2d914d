#!/bin/sed -Ef
# Plain comments as Doxygen reads them: in front of what they are about, or behind it, where they may have a second line.
1i /// \\file
s#^( {14,})//( |$)#\1///<\2#
s#^( *)//( |$)#\1///\2#
s#(\S +)// (NOLINT.*)?#\1///< #
