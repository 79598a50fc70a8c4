"""Names for a made-up world, so that its statements read like those of a real one."""

import torch

WORDS = """
Ada Amir Ana Anton Aya Bela Bruno Carla Chen Clara Dario Diego Edda Elif Emil Esme Fadi Farah Finn Greta Hana
  Hugo Ida Imre Ines Ivo Jana Jonas Juno Kaja Karim Lara Leo Lina Luca Mara Maya Milo Mira Nadia Nils Noor
  Olga Omar Otto Paula Petra Rafa Rosa Ruth Samir Selma Sofia Tariq Tessa Timo Uma Vera Yara Yusuf
Adler Bakker Berg Castro Dahl Demir Duarte Eriksen Falk Ferrari Fischer Garcia Haas Horvat Ivanov Jansen Kaya
  Klein Kovac Larsen Lopes Mansour Marin Meyer Moreau Nagy Novak Okafor Olsen Park Pereira Popov Quist Ricci
  Rossi Sato Silva Singh Soto Tanaka Toth Unger Vargas Vogel Weber Wolff Yilmaz Zeman
Alder Amber Ash Birch Black Bright Brook Cedar Clear Copper Crow Deer East Elm Fair Fern Fox Glen Gold Grey
  Hart Haven Hazel High Iron Kings Lake Lark Linden Maple Mill Moor North Oak Otter Pine Raven Red River Rose
  Salt Silver South Stone Swan Thorn West White Willow Winter
bridge burg bury dale field ford gate ham haven holm mouth port stead ton ville wick
Airlines Bank Books Breweries Chemicals Energy Foods Foundry Glass Instruments Labs Mills Motors Optics Paper
  Pharma Rail Robotics Shipping Software Steel Telecom Textiles Timber
Al Bel Cor Dor El Fal Gal Hel Is Jor Kal Lor Mar Nor Or Pel Quin Ros Sar Tal Ul Val Wes Yor Zan
andia aria avia elia enia essa istan onia ora ovia uria yria
Aurelia Borealia Cassia Drusia Evandia Fabria Geminia Hadria
"""
# each list begins at the margin
FIRST, LAST, PLACES, TOWNS, TRADES, STEMS, LANDS, WORLDS = (
    line.split() for line in WORDS.strip().replace("\n ", "").split("\n")
)


def made_names(sizes: dict[str, int], seed: int) -> list[str]:
    """Names of people, cities, companies, countries and continents: each once, in the order of ``sizes``.

    Args:
        sizes (dict): How many of each type.
        seed (int): The same seed makes the same names.
    """
    rng = torch.Generator().manual_seed(seed)
    every = {
        "person": [f"{first} {last}" for first in FIRST for last in LAST],
        "city": [place + town for place in PLACES for town in TOWNS],
        "company": [f"{place} {trade}" for place in PLACES for trade in TRADES],
        "country": [stem + land for stem in STEMS for land in LANDS],
        "continent": WORLDS,
    }
    names: list[str] = []
    for kind, size in sizes.items():
        words = every[kind]
        order = torch.randperm(len(words), generator=rng).tolist()
        # in a world of more than there are names, the second round is numbered
        rounds = (f" {turn + 1}" if turn else "" for turn in (place // len(words) for place in range(size)))
        names.extend(words[order[place % len(words)]] + number for place, number in enumerate(rounds))
    return names
