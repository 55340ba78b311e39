"""Lists the packages: each layer folder at the top becomes a part of the namespace `stigmergy`.

Everything else about the project is in pyproject.toml. This is here because setuptools can find
packages, or rename one, but cannot do both from a table.
"""

from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

LAYERS = ("protocols", "actors", "runtime")


class BuildWhatCanBeBuilt(build_ext):
    """Without a compiler an optional module is left out; setuptools would still link to it in an editable install."""

    def get_output_mapping(self) -> dict[str, str]:
        """By file that is built: where it goes."""
        return {built: at for built, at in super().get_output_mapping().items() if Path(at).exists()}


setup(
    cmdclass={"build_ext": BuildWhatCanBeBuilt},
    package_dir={f"stigmergy.{layer}": layer for layer in LAYERS},
    ext_modules=[
        Extension("stigmergy.protocols._plain", ["protocols/_plain.c"], depends=["protocols/_recipe.h"], optional=True),
        Extension(
            "stigmergy.actors.mesh._parcels",
            ["actors/mesh/_parcels.c"],
            depends=sorted(map(str, Path("actors").glob("*/_*.h"))),
            optional=True,
        ),
        Extension(
            "stigmergy.actors.volatile._runner",
            ["actors/volatile/_runner.c"],
            depends=sorted(map(str, Path("actors/volatile").glob("_*.h"))),
            optional=True,
        ),
    ],
    packages=[f"stigmergy.{name}" for layer in LAYERS for name in find_packages(include=[layer, f"{layer}.*"])],
)
