"""A pytest plugin that notes the sides of every numeric comparison in the tests' assertions; see measure_margins.py.

Comparisons are rewritten into calls of `compare` before pytest rewrites the assertions themselves. NumPy's and
PyTorch's comparisons with a tolerance are wrapped: what is noted is the largest difference over the allowed one.
"""

from __future__ import annotations

import ast
import json
import operator
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _pytest.assertion import rewrite

FOLDER_VARIABLE = "MARGINS_FOLDER"
_COMPARE = "@compare"  # no name that a test could have
_OPERATORS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq"}
_notes: dict[str, tuple[float, float]] = {}


def compare(place: str, left: Any, *rest: Any) -> Any:
    """Return the result of `left op right [op right ...]`, with each pair noted.

    `rest` are operators' names and values.
    """
    results = []
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        if name == "eq":
            _note_approximate(place, left, right)
        else:
            _note_order(f"{place}:{len(results)}", *((left, right) if name in ("lt", "le") else (right, left)))
        results.append(getattr(operator, name)(left, right))
        left = right
    return results[0] if len(results) == 1 else all(results)


def note(place: str, smaller: float, larger: float) -> None:
    """Keep the pair of a place that comes nearest to failing; `smaller` should be the smaller one."""
    key = f"{os.environ.get('PYTEST_CURRENT_TEST', '').partition(' (')[0]} @ {place}"
    if key not in _notes or not larger - smaller >= _notes[key][1] - _notes[key][0]:
        _notes[key] = smaller, larger


def _note_order(place: str, smaller: Any, larger: Any) -> None:
    try:
        sides = np.broadcast_arrays(np.asarray(smaller, np.float64), np.asarray(larger, np.float64))
    except (TypeError, ValueError, RuntimeError):  # not numbers
        return
    if sides[0].size:
        worst = np.unravel_index(np.argmin(sides[1] - sides[0]), sides[0].shape)
        note(place, float(sides[0][worst]), float(sides[1][worst]))


def _note_approximate(place: str, actual: Any, approximate: Any) -> None:
    """Of a comparison with `pytest.approx`."""
    if not (hasattr(approximate, "expected") and hasattr(approximate, "_approx_scalar")):
        return
    wanted = approximate.expected
    if isinstance(wanted, dict):
        if not isinstance(actual, dict) or actual.keys() != wanted.keys():
            return
        actual, wanted = [actual[key] for key in wanted], list(wanted.values())
    expected = np.ravel(np.asarray(wanted, np.float64))
    tolerance = np.array([approximate._approx_scalar(value).tolerance for value in expected.tolist()])
    difference = np.abs(np.ravel(np.asarray(actual, np.float64)) - expected)
    note(place, float(np.max(difference / tolerance, initial=0.0)), 1.0)


class _Rewriter(ast.NodeTransformer):
    """Replaces comparisons inside assertions."""

    def __init__(self, file: str) -> None:
        self._file, self._asserting = file, False

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        self._asserting = True
        node.test = self.visit(node.test)
        self._asserting = False
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if not (self._asserting and all(type(kind) in _OPERATORS for kind in node.ops)):
            return node
        arguments = [ast.Constant(f"{self._file}:{node.lineno}:{node.col_offset}"), node.left]
        for kind, right in zip(node.ops, node.comparators, strict=True):
            arguments += [ast.Constant(_OPERATORS[type(kind)]), right]
        call = ast.Call(ast.Name(_COMPARE, ast.Load()), arguments, [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


_rewrite_asserts = rewrite.rewrite_asserts


def _rewritten(tree: ast.Module, source: bytes, module_path: str | None = None, config: Any = None) -> None:
    _Rewriter(Path(module_path or "").name).visit(tree)
    _rewrite_asserts(tree, source, module_path, config)


def _wrap(module: Any, name: str, rtol: float, atol: float) -> None:
    original = getattr(module, name)

    def close(actual: Any, desired: Any, *given: Any, **named: Any) -> Any:
        tolerance = dict(zip(("rtol", "atol"), given, strict=False)) | named
        relative, absolute = tolerance.get("rtol", rtol), tolerance.get("atol", atol)
        if relative or absolute:
            a, d = np.asarray(actual, np.float64), np.asarray(desired, np.float64)
            with np.errstate(all="ignore"):
                share = np.abs(a - d) / (absolute + relative * np.abs(d))
            note(f"{_line_of_test()}:{name}", float(np.nanmax(share, initial=0.0)), 1.0)
        return original(actual, desired, *given, **named)

    setattr(module, name, close)


def _line_of_test() -> str:
    frame = sys._getframe(2)
    while frame.f_back is not None and "tests" not in Path(frame.f_code.co_filename).parts:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def pytest_configure() -> None:
    """Put all in place, before any test is imported."""
    import builtins

    setattr(builtins, _COMPARE, compare)
    rewrite.rewrite_asserts = _rewritten
    rewrite._read_pyc = lambda *_args: None  # what pytest has kept is without our calls, and ours must not be kept
    rewrite._write_pyc = lambda *_args: False
    _wrap(np, "allclose", 1e-5, 1e-8)
    _wrap(np.testing, "assert_allclose", 1e-7, 0.0)
    try:
        import torch
    except ImportError:
        return
    _wrap(torch, "allclose", 1e-5, 1e-8)


def pytest_sessionfinish() -> None:
    """Write the notes of this process."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{os.getpid()}.json").write_text(json.dumps(_notes, indent=0))
