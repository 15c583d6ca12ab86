"""deck.gl comes out of Panel's wheel, and a change of the wheel is noticed at the start, not on the screen."""

import pytest

from dashboard.deck_assets import PINNED, deck_script
from gis.errors import Unavailable


def _wheel(root, folder):
    script = root / "dist" / "bundled" / "deckglplot" / folder / "dist.min.js"
    script.parent.mkdir(parents=True)
    script.write_text("var deck = {};")
    return root


def test_the_installed_panel_brings_the_deck_the_cockpit_is_written_for():
    script = deck_script()
    assert script.version == PINNED
    assert b"SolidPolygonLayer" in script.content


def test_a_panel_without_deck_is_named_as_the_fault(tmp_path):
    with pytest.raises(Unavailable) as fault:
        deck_script(tmp_path)
    assert fault.value.code == "dashboard.no_deck"


def test_another_deck_is_refused_by_version(tmp_path):
    with pytest.raises(Unavailable) as fault:
        deck_script(_wheel(tmp_path, "deck.gl@9.2.0"))
    assert fault.value.code == "dashboard.other_deck"
    assert "9.2.0" in fault.value.message


def test_the_attributes_the_layers_feed_by_name_are_in_this_deck():
    content = deck_script().content
    for name in (b"instanceVertexValid", b"LNGLAT_OFFSETS", b"DataFilterExtension", b"_windingOrder"):
        assert name in content
