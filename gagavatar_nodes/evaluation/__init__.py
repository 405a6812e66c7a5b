"""How good results are: the field's metrics by name, protocols, confidence intervals, tables.

Each variant of a metric has a stable id (`psnr.face`, `akd.l2.landmarks478`), a definition and a source; papers that
print the same column compute different ones. `registry.VARIANTS` lists them; `run.evaluate` computes them.
"""
