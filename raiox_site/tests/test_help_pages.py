import re
from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

pytestmark = pytest.mark.django_db
PAGES = ("admin:help_reviewers", "admin:help_catalogue")


class Headings(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.anchors, self.links, self.style = set(), set(), set(), False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.style = self.style or "style" in given
        self.ids.add(given.get("id"))
        href = given.get("href", "") if tag == "a" else ""
        if href.startswith("#"):
            self.anchors.add(href[1:])
        elif href.startswith("/"):
            self.links.add(href)


def body(client, url):
    response = client.get(reverse(url))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("url", PAGES)
def test_the_help_is_for_staff_only(client, url, django_user_model):
    assert client.get(reverse(url)).status_code == 302
    client.force_login(django_user_model.objects.create_user("visita"))
    assert client.get(reverse(url)).status_code == 302


@pytest.mark.parametrize("who", ["approver", "reader", "curator"])
def test_every_role_reads_both_pages_from_the_header(client, request, who):
    client.force_login(request.getfixturevalue(who))
    header = body(client, "admin:index").partition("<header")[2].partition("</header>")[0]
    first = "admin:help_catalogue" if who == "curator" else "admin:help_reviewers"
    assert f'href="{reverse(first)}"' in header
    for url in PAGES:
        content = body(client, url)
        assert all(f'href="{reverse(other)}"' in content for other in PAGES)
        assert f'href="{reverse(url)}" aria-current="page"' in content


@pytest.mark.parametrize("url", PAGES)
def test_no_link_of_the_help_is_broken(client, make_user, url):
    client.force_login(make_user("approver", "curator", username="both"))
    page = Headings(body(client, url).partition("<main")[2])
    assert len(page.anchors) > 8 and page.anchors <= page.ids
    assert {link for link in page.links if client.get(link).status_code != 200} == set()
    assert not page.style


def keys(text):
    """Of `<kbd>` elements, in one spelling."""
    same = {"⇧": "Shift", "−": "-"}
    return {same.get(key, key) for key in re.findall(r"<kbd>(.*?)</kbd>", text)}


def test_the_reviewers_help_knows_every_key_of_the_case_page(client, approver):
    client.force_login(approver)
    sheet = render_to_string("admin/cases/case/_keys.html")
    table = body(client, "admin:help_reviewers").partition('id="teclado"')[2]
    assert len(keys(sheet)) > 15
    assert keys(sheet) == keys(table)


def test_the_reviewers_help_names_the_look_alikes_and_what_a_good_film_is(client, approver):
    client.force_login(approver)
    content = body(client, "admin:help_reviewers")
    for name in ("Hiossen ET III", "SuperLine", "NobelParallel", "réplicas", "400 pixels"):
        assert name in content


def test_the_catalogue_help_says_how_files_are_named(client, curator):
    client.force_login(curator)
    content = body(client, "admin:help_catalogue")
    assert "&lt;FABRICANTE&gt;_&lt;LINHA&gt;_&lt;DIÂMETRO&gt;mm_nn.jpg" in content
    assert "STRAUMANN_BLX_4.5mm_11.jpg" in content


@pytest.mark.parametrize("url", PAGES)
def test_the_help_is_read_and_not_posted_to(client, approver, url):
    client.force_login(approver)
    assert client.post(reverse(url)).status_code == 405
