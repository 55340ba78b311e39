"""An app is a folder, a file or a module, and its classes can be imported by hosts."""

from __future__ import annotations

import pytest

from stigmergy.runtime.cli.loading import find, load_app

from .samples import DESK, NOTHING


def test_a_folder_is_a_package_whose_parent_is_on_the_path(app, place):
    place_of = find(app("desk_f", DESK))
    assert (place_of.module, place_of.root) == ("desk_f.app", place)
    assert load_app("desk_f").options.__module__ == "desk_f.app"


def test_parts_of_a_folder_import_each_other(place, app):
    name = app("parts", "from .other import app\n")
    (place / name / "other.py").write_text(NOTHING)
    assert load_app("parts").name == "nothing"


def test_a_file_is_a_module(place):
    (place / "single.py").write_text(NOTHING)
    assert load_app("single.py").main.__module__ == "single"


def test_a_file_in_a_package_is_part_of_it(place, app):
    name = app("package", NOTHING)
    (place / name / "__init__.py").write_text("")
    assert load_app("package/app.py").main.__module__ == "package.app"


def test_a_module_goes_by_its_name(place, app):
    app("dotted", NOTHING)
    assert load_app("dotted.app").main.__module__ == "dotted.app"


@pytest.mark.parametrize("name", ["there", "./there/", "../{}/there"])
def test_a_path_may_be_written_in_any_way(place, app, name):
    app("there", NOTHING)
    assert load_app(name.format(place.name)).name == "nothing"
