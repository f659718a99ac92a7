"""Who the animal is, as far as the experiment says."""

import pytest
from pydantic import ValidationError

from tracker.session_parts import SessionSettings

TAXON = "http://purl.obolibrary.org/obo/NCBITaxon_10090"


@pytest.mark.parametrize("species", ["", "Mus musculus", "Drosophila melanogaster", TAXON])
def test_a_species_is_in_latin_or_a_taxon(species):
    assert SessionSettings(species=species).species == species


@pytest.mark.parametrize("species", ["mouse", "mus musculus", "Mus", "NCBITaxon_10090"])
def test_another_word_for_a_species_is_refused(species):
    with pytest.raises(ValidationError, match="species"):
        SessionSettings(species=species)


@pytest.mark.parametrize("age", ["", "P90D", "P8W", "P1Y2M", "P8W/P10W", "P90D/"])
def test_an_age_is_a_duration_or_a_range_of_them(age):
    assert SessionSettings(age=age).age == age


@pytest.mark.parametrize("age", ["90", "90 days", "P", "P90", "p90d", "/P90D"])
def test_another_form_of_age_is_refused(age):
    with pytest.raises(ValidationError, match="age"):
        SessionSettings(age=age)


def test_what_is_not_said_is_not_made_up():
    settings = SessionSettings()
    assert (settings.species, settings.sex, settings.age) == ("", "U", "")
