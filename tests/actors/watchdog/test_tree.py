from stigmergy.actors.watchdog.tree import Tree


def grown(*widths: int) -> Tree:
    tree = Tree()
    tree.widths = dict(enumerate(widths))
    return tree


def test_a_tree_grows_when_each_of_the_last_generations_is_larger_than_the_one_before():
    assert grown(1, 2, 4, 8).grows(3, 1.5, 3)
    assert not grown(1, 4, 4, 8).grows(3, 1.5, 3)


def test_a_generation_that_follows_nothing_has_not_grown():
    assert not grown(8, 16).grows(1, 1.5, 2)
    assert not grown(8).grows(0, 1.5, 1)


def test_a_fan_out_grows_for_one_generation_only():
    assert grown(1, 500, 500).grows(1, 1.5, 1)
    assert not grown(1, 500, 500).grows(2, 1.5, 1)


def test_echoes_are_counted_by_generation_and_variants_apart():
    tree = Tree()
    assert tree.echoes(3, variants=True) == 0
    tree.echo(3, variant=False)
    tree.echo(3, variant=True)
    assert tree.echoes(3, variants=False) == 1
    assert tree.echoes(3, variants=True) == 2
    assert tree.echoes(4, variants=True) == 0
