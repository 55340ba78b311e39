"""Articles and the search over them: the right one for a question, none for a question they are not about."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.support_desk.articles import Article, Section, load_articles
from examples.support_desk.brains.knowledge import PER_ARTICLE, Library
from stigmergy.protocols.errors import UsageError
from tests.examples.support_desk.shop import DATA, tickets

ARTICLES = load_articles(DATA / "articles")
LIBRARY = Library(ARTICLES)
BY_ID = {article.id: article for article in ARTICLES}


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    LIBRARY.close()


@pytest.mark.parametrize(
    ("question", "article", "heading"),
    [
        ("White flakes are floating in my kettle, how do I descale it?", "KC-801", ""),
        ("How do I pause my coffee box while we are travelling?", "KC-401", "Pause and restart"),
        ("Do you ship to Norway and who pays customs?", "KC-102", "International delivery"),
        ("The reset link for my password has expired", "KC-601", "Reset the password"),
        ("Which grinder setting for French press?", "KC-802", "Which setting"),
        ("The gift card code is not accepted at checkout", "KC-701", "The code is not accepted"),
        ("Invoice as a PDF with company name and VAT number please", "KC-501", "Add a company name or VAT number"),
        ("What can I get for my referral, my friend used my link", "KC-951", "Refer a friend"),
    ],
)
def test_a_question_finds_the_section_that_answers_it(question, article, heading):
    best = LIBRARY.search(question)[0]
    assert best.article == article
    assert heading in [passage.heading for passage in LIBRARY.search(question)][:2]


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Can you write a poem about the sea?",
        "Do you have job openings for students?",
        "Who won the football match yesterday?",
        "How tall is Mount Everest?",
        "Would you like to sponsor our school marathon?",
        "I want to sell you SEO services for your website",
        "Can you recommend a good restaurant nearby?",
        "Is your CEO available for an interview on our podcast?",
        "My laptop does not start after the update",
        "Please explain how photosynthesis works",
        "Do you have a store in Berlin that I can visit?",
        "Can I rent a coffee machine for my wedding?",
        "Do you buy back old grinders from other brands?",
        "Your delivery driver drove over my flowers",
        "Can dogs drink oolong tea?",
        "I lost my wallet in the bus",
        "Hola, ¿dónde está mi paquete?",
        "How",
        "",
        '" OR NEAR( * ^ title:',
    ],
)
def test_a_question_that_no_article_is_about_finds_nothing(question):
    assert LIBRARY.search(question) == ()


def test_most_questions_of_the_past_find_an_article_of_their_category():
    past = tickets("history.csv")
    found = [(LIBRARY.search(ticket.text), ticket.category) for ticket in past]
    answered = [(passages[0], category) for passages, category in found if passages]
    assert len(answered) > 0.85 * len(past)
    assert sum(BY_ID[p.article].category == category for p, category in answered) > 0.88 * len(answered)


def test_the_category_tips_the_scales_but_hides_nothing():
    question = "Can I cancel it?"
    assert LIBRARY.search(question, "orders")[0].article == "KC-201"
    assert LIBRARY.search(question, "subscription")[0].article == "KC-403"
    assert LIBRARY.search("How do I descale the kettle with vinegar?", "billing")[0].article == "KC-801"


def test_the_best_article_comes_first_and_leaves_room_for_another():
    passages = LIBRARY.search("Can I cancel my order or my subscription?", limit=5)
    names = [passage.article for passage in passages]
    assert len(names) == 5
    assert len(set(names)) > 1
    assert all(names.count(name) <= PER_ARTICLE for name in names)
    assert [p.score for p in passages] == sorted((p.score for p in passages), reverse=True)


def test_words_are_found_in_another_form():
    assert LIBRARY.search("descaling kettles")[0].article == "KC-801"


def test_an_order_number_is_not_what_a_question_is_about():
    assert LIBRARY.search("cancel KC-61204") == LIBRARY.search("cancel")


@given(st.text(max_size=200))
def test_any_question_can_be_asked(question):
    assert len(LIBRARY.search(question)) <= 5


def test_an_empty_shelf_finds_nothing():
    with closing(Library([])) as empty:
        assert empty.search("anything at all") == ()


def test_an_article_must_name_the_subject_not_only_use_its_words():
    aside = Article("A-1", "Brewing", "x", (), (Section("", "Start the laptop timer after the update."),))
    with closing(Library([aside])) as library:
        assert library.search("My laptop does not start after the update") == ()


def test_the_shelf_has_unique_ids_and_every_category_of_the_history():
    categories = {ticket.category for ticket in tickets("history.csv")}
    assert {article.category for article in ARTICLES} == categories
    assert 20 <= len(BY_ID) == len(ARTICLES)
    assert all(len(article.sections) >= 2 for article in ARTICLES)


def test_an_article_is_cut_at_its_headings(tmp_path):
    (tmp_path / "a.md").write_text(
        "\ufeff---\nID: A-1\ntitle: A: title\ncategory: x\ntags: one, two ,\n---\n"
        "Opening.\n\n## Steps\n1. Go\n2. Stop\n## Empty\n"
    )
    (article,) = load_articles(tmp_path)
    assert article == Article(
        "A-1", "A: title", "x", ("one", "two"), (Section("", "Opening."), Section("Steps", "1. Go\n2. Stop"))
    )


FRONT = "---\nid: A-1\ntitle: T\ncategory: x\n---\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no articles"),
        ({"a.md": "no front matter"}, "has no front matter"),
        ({"a.md": "---\nid: A-1\ntitle: T\n"}, "has no front matter"),
        ({"a.md": "---\nid: A-1\ntitle: T\n---\ntext"}, "has no category"),
        ({"a.md": "---\nid:\ntitle: T\ncategory: x\n---\ntext"}, "has no id"),
        ({"a.md": FRONT}, "has no text"),
        ({"a.md": FRONT + "one", "b.md": FRONT + "two"}, "b.md and a.md both have the id 'A-1'"),
        ({"a.md": b"---\nid: \xff\n---\n"}, "is not UTF-8"),
    ],
)
def test_a_folder_that_is_not_a_shelf_is_a_usage_error(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        load_articles(tmp_path)
    assert message in str(caught.value)


def test_a_missing_folder_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="holds no articles"):
        load_articles(tmp_path / "missing")
