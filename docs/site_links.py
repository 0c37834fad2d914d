"""For mkdocs: links from the documents to other files of the repository, which are not in the site, become their text."""

import re


def on_files(files, **_):
    for file in [file for file in files if not file.is_documentation_page() and "/" not in file.src_path]:
        files.remove(file)  # what makes the site is no part of it
    return files


def on_page_markdown(markdown, **_):
    return re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", markdown)
