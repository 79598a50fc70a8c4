"""Formulas as MathML, which browsers draw by themselves: no script, no font, no other host."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

NAMED = re.compile(r"<mi>(?:log|ln|exp|det)</mi>")  # the converter leaves no space beside them
THIN = '<mspace width="0.15em"/>'
SPLIT = re.compile(r"\\(?:tfrac|dfrac)")


def mathml(latex: str, display: str) -> str:
    """A formula as MathML."""
    if display == "block" and "\\\\" in latex and "\\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    latex = SPLIT.sub(r"\\frac", latex).replace(r"\Bigl", "").replace(r"\Bigr", "")
    return NAMED.sub(rf"{THIN}\g<0>{THIN}", convert(latex, display=display))


def inline(writer: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line."""
    writer.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """A formula of its own."""
    parts = [part for part in re.split(r"\n\s*\n", node.astext()) if part.strip()]
    writer.body.append('<div class="math notranslate">')
    writer.body += [mathml(part, "block") for part in parts]
    writer.body.append("</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """The extension."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
