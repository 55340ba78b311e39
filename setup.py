"""Lists the packages: each layer folder at the top becomes a part of the namespace `stigmergy`.

Everything else about the project is in pyproject.toml. This is here because setuptools can find
packages, or rename one, but cannot do both from a table.
"""

from setuptools import Extension, find_packages, setup

LAYERS = ("protocols", "actors", "runtime")

setup(
    package_dir={f"stigmergy.{layer}": layer for layer in LAYERS},
    ext_modules=[
        Extension("stigmergy.protocols._plain", ["protocols/_plain.c"], optional=True),
        Extension(
            "stigmergy.actors.volatile._runner",
            ["actors/volatile/_runner.c"],
            depends=["actors/volatile/_letters.h", "actors/volatile/_handing.h", "actors/volatile/_notes.h"],
            optional=True,
        ),
    ],
    packages=[f"stigmergy.{name}" for layer in LAYERS for name in find_packages(include=[layer, f"{layer}.*"])],
)
