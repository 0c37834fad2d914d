"""Runs what a document shows: docs_test.py DOCUMENT, with the build in the environment (see tests/CMakeLists.txt).

Blocks are taken in their order, in one directory with rings of its own:

* ```sh is run by bash, which ends at the first command that fails. A ```text right behind it is what it prints, in which `…`
  stands for anything on a line, and a line of it for any lines. One that builds the project is left out: `./dev`, `build/`.
* ```cpp and ```python are run. One that begins with a comment that names a file becomes that program, for a block of shell
  to run. Other C++ is the body of a function, with what `preamble.hpp` declares; it is compiled and not run where it names
  a directory of the machine's.
* ```ini and ```yaml are checked as far as the tools for it are there. Other languages are for people.
* `<!-- before: COMMAND -->` above a block is run by bash before it.
"""

import configparser
import os
import pathlib
import py_compile
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 240
OF_THE_MACHINE = re.compile(r'"/(var|run|mnt|dev)/')
PYTHON_PREAMBLE = "import ringbolt\nhandle = lambda *_: None\n"


class Block:
    def __init__(self, language, line, before):
        self.language = language
        self.line = line  # of its first line of text, in the document
        self.before = before
        self.lines = []

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)

    @property
    def file(self):
        """The name of the program that it is, if its first line says so."""
        match = re.fullmatch(r"(?://|#) ([a-z_]+\.(?:cpp|py))\b.*", self.lines[0]) if self.lines else None
        return match[1] if match else None


def blocks_of(document):
    """All fenced blocks, and None where there is text between two of them."""
    blocks, inside, before = [], None, None
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if inside is not None:
            if line == "```":
                inside = None
            else:
                inside.lines.append(line)
        elif line.startswith("```"):
            inside = Block(line[3:], number + 1, before)
            blocks.append(inside)
            before = None
        elif match := re.fullmatch(r"<!-- before: (.*) -->", line):
            before = match[1]
        elif line.strip():
            blocks.append(None)
            before = None
    return blocks


def matches(expected, printed):
    pattern = "".join(r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in expected)
    return re.fullmatch(pattern, printed) is not None


class Document(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        kind = subprocess.run(
            ["stat", "-f", "-c", "%T", os.environ["RINGBOLT_SCRATCH"]], capture_output=True, text=True, check=True
        ).stdout.strip()
        if kind in ("tmpfs", "ramfs"):
            raise unittest.SkipTest(f"the build is on a {kind}, and the documents have journals that sync")
        cls.document = pathlib.Path(os.environ["RINGBOLT_DOCUMENT"])
        cls.blocks = blocks_of(cls.document)
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="ringbolt-docs-", dir="/dev/shm"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.root.chmod(0o755)
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="ringbolt-docs-", dir=os.environ["RINGBOLT_SCRATCH"]))
        cls.addClassCleanup(shutil.rmtree, cls.place)
        # What a reader has in his path: the command, the examples, this Python, and the programs of the document.
        python = cls.place / "python3"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        path = [str(cls.place), *os.environ["RINGBOLT_PATH"].split(os.pathsep), os.environ["PATH"]]
        cls.environment = os.environ | {"RINGBOLT_DIR": str(cls.root), "PATH": os.pathsep.join(path), "LC_ALL": "C.UTF-8"}

    def where(self, block):
        return f"{self.document.name}:{block.line}"

    def run_words(self, words, block):
        """In a group of its own, which ends with it; what it printed."""
        process = subprocess.Popen(
            words, cwd=self.place, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            printed, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            self.fail(f"{self.where(block)} has not ended after {SECONDS} s; it has printed:\n{printed}")
        self.assertEqual(process.returncode, 0, f"{self.where(block)} failed; it has printed:\n{printed}")
        return printed

    def shell(self, text, block):
        return self.run_words(["bash", "-euo", "pipefail", "-c", text], block)

    def compile(self, sources, program, block):
        source = self.place / f"{program}.cpp"
        source.write_text(sources, encoding="utf-8")
        before, behind = (os.environ[name].split() for name in ("RINGBOLT_CXX", "RINGBOLT_LIBRARIES"))
        warnings = ["-std=c++20", "-O0", "-Wall", "-Wextra", "-Werror", "-Wno-unused", f"-I{HERE}"]
        self.run_words([*before, *warnings, str(source), "-o", str(self.place / program), *behind], block)

    def compile_fragments(self):
        """All into one program, which runs the one that it is told."""
        fragments = [block for block in self.blocks if block and block.language == "cpp" and not block.file]
        if not fragments:
            return
        includes, functions, calls = [], [], []
        for block in fragments:
            includes += [line for line in block.lines if line.startswith("#include")]
            body = "".join(("" if line.startswith("#include") else line) + "\n" for line in block.lines)
            functions.append(f'void block_{block.line}() {{\n#line {block.line} "{self.document.name}"\n{body}}}\n')
            calls.append(f'  if (name == "{block.line}") return block_{block.line}(), 0;\n')
        main = "int main(int, char** words) {\n  const std::string name = words[1];\n" + "".join(calls) + "  return 1;\n}\n"
        head = "\n".join([*dict.fromkeys(includes), '#include "preamble.hpp"', ""])
        self.compile(head + "".join(functions) + main, "fragments", fragments[0])

    def test_runs_as_it_is_shown(self):
        self.compile_fragments()
        done = dict.fromkeys(("sh", "cpp", "python", "ini", "yaml"), 0)
        compared = 0
        programs = set()
        for at, block in enumerate(self.blocks):
            if block is None or block.language not in done:
                continue
            if block.language == "sh" and ("./dev" in block.text or "build/" in block.text):
                continue
            with self.subTest(block=self.where(block)):
                if block.before:
                    self.shell(block.before, block)
                done[block.language] += 1
                printed = getattr(self, f"run_{block.language}")(block)
                if block.file:
                    programs.add(pathlib.Path(block.file))
                following = self.blocks[at + 1] if at + 1 < len(self.blocks) else None
                if block.language == "sh" and following and following.language == "text":
                    compared += 1
                    if not matches(following.lines, printed):
                        self.assertEqual(following.text, printed, f"{self.where(following)} is not what was printed")
        shell = "".join(block.text for block in self.blocks if block and block.language == "sh")
        for program in programs:
            name = program.name if program.suffix == ".py" else f"./{program.stem}"
            self.assertIn(name, shell, f"no block of shell in {self.document.name} runs {program}")
        self.assertGreater(sum(done.values()), 0, "nothing in it can be run")
        print(f"{self.document.name}: " + ", ".join(f"{count} {language}" for language, count in done.items())
              + f"; {compared} outputs compared", file=sys.stderr)  # fmt: skip

    def run_sh(self, block):
        return self.shell(block.text, block)

    def run_cpp(self, block):
        if block.file:
            self.compile(block.text, pathlib.Path(block.file).stem, block)
        elif not OF_THE_MACHINE.search(block.text):
            self.run_words(["./fragments", str(block.line)], block)

    def run_python(self, block):
        if block.file:
            (self.place / block.file).write_text(block.text, encoding="utf-8")
            py_compile.compile(str(self.place / block.file), doraise=True)
        else:
            self.run_words([sys.executable, "-X", "dev", "-c", PYTHON_PREAMBLE + block.text], block)

    def run_yaml(self, block):
        try:
            import yaml
        except ImportError:
            return
        self.assertTrue(list(yaml.safe_load_all(block.text)), self.where(block))

    def run_ini(self, block):
        unit = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=False)
        unit.optionxform = str
        unit.read_string(block.text, self.where(block))
        if "Service" not in unit or shutil.which("systemd-analyze") is None:
            return
        # The programs of the document are not installed here.
        text = re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", block.text, flags=re.MULTILINE)
        path = self.place / "document.service"
        path.write_text(text, encoding="utf-8")
        checked = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=SECONDS)
        ours = [line for line in checked.stderr.splitlines() if str(path) in line or "document.service" in line]
        self.assertEqual(ours, [], self.where(block))


def anchors_of(document):
    """As GitHub and mkdocs name headings."""
    headings, fenced = set(), False
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and (match := re.fullmatch(r"#+ (.*)", line)):
            headings.add(re.sub(r"[^\w -]", "", match[1].lower()).strip().replace(" ", "-"))
    return headings


class Links(unittest.TestCase):
    def test_lead_somewhere(self):
        document = pathlib.Path(os.environ["RINGBOLT_DOCUMENT"])
        links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
        for link in links:
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            self.assertTrue(target.exists(), f"{document.name} links to {link}")
            if anchor:
                self.assertIn(anchor, anchors_of(target), f"{document.name} links to {link}")


class Extraction(unittest.TestCase):
    def test_finds_blocks_and_what_stands_between(self):
        with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8") as document:
            document.write("# Title\n<!-- before: true -->\n```sh\nls\n```\n\n```text\na\n```\nwords\n```cpp\n// go.cpp: goes\n```\n")
            document.flush()
            blocks = blocks_of(pathlib.Path(document.name))
        self.assertEqual([block and block.language for block in blocks], [None, "sh", "text", None, "cpp"])
        self.assertEqual((blocks[1].line, blocks[1].before, blocks[1].text), (4, "true", "ls\n"))
        self.assertEqual(blocks[4].file, "go.cpp")

    def test_compares_output_with_what_is_shown(self):
        self.assertTrue(matches(["a", "pid …, up"], "a\npid 17, up\n"))
        self.assertTrue(matches(["a", "…", "z"], "a\nb\nc\nz\n"))
        self.assertTrue(matches(["a", "…"], "a\n"))
        self.assertFalse(matches(["a"], "a\nb\n"))
        self.assertFalse(matches(["a.c"], "abc\n"))


if __name__ == "__main__":
    unittest.main()
