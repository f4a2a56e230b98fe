"""Run by test_publish_space.py with `python -I`: starts a Space's app.py as the Hub does, then says what it imports.

Arguments: the checkout, which must not be importable; the Space's repository.
"""

import ast
import importlib.util
import os
import runpy
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

checkout, space = (Path(argument).resolve() for argument in sys.argv[1:3])
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != checkout]
# An editable install finds its packages by a hook of its own.
sys.meta_path = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
ours = ("spaces_demo", "ecg_files", "eval_suite", "dataset_scripts", "modeling_meit", "checkpoints", "meit_report")
assert all(importlib.util.find_spec(name) is None for name in ours)

os.chdir(space)
sys.path.insert(0, str(space))
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")

origins = {name: getattr(sys.modules[name], "__file__", None) for name in ours if name in sys.modules}
assert all(Path(origin).is_relative_to(space) for origin in origins.values()), origins
# What our own files ask for: the page's anywhere in them, the others' as they load. Libraries import more of each
# other where it happens to be there.
asked = set()
for name, module in list(sys.modules.items()):
    origin = getattr(module, "__file__", None)
    if origin and Path(origin).is_relative_to(space) and origin.endswith(".py"):
        tree = ast.parse(Path(origin).read_text(encoding="utf-8"))
        page = name.startswith(("spaces_demo", "ecg_"))
        for node in ast.walk(tree) if page else ast.iter_child_nodes(tree):
            if isinstance(node, ast.Import):
                asked |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                asked.add(node.module.split(".")[0])
distributions = packages_distributions()
loaded = asked & set(sys.modules)
print("imported", *sorted({each for name in loaded for each in distributions.get(name, ())}), flush=True)
