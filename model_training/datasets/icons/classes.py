"""Which icons show what people draw: class → set → the icons' names in it.

Chosen by eye. Every class has two icons or more without OpenMoji's, so that a split by icon has one for either side.
OpenMoji's names are code points in hexadecimal digits. The classes' titles are the recipe's (`sketch_demo_classifier`).
"""

from __future__ import annotations

from collections.abc import Mapping

from .sets import ICON_SETS

# class | lucide | tabler | phosphor | openmoji
_TABLE = """
airplane | plane | plane plane-inflight | airplane airplane-tilt airplane-in-flight | 2708
anchor | anchor | anchor | anchor anchor-simple | 2693
apple | apple | apple | | 1F34E
armchair | armchair sofa | armchair armchair-2 sofa | armchair couch | 1F6CB
axe | axe | axe | axe | 1FA93
backpack | backpack | backpack | backpack | 1F392
balloon | balloon | balloon | balloon | 1F388
bed | bed bed-single bed-double | bed bed-flat | bed | 1F6CF
bell | bell bell-ring | bell bell-ringing | bell bell-simple bell-ringing | 1F514
bicycle | bike | bike | bicycle | 1F6B2
bird | bird | | bird | 1F426
bone | bone | bone | bone | 1F9B4
book | book-open | book | book-open | 1F4D6
bus | bus | bus | bus | 1F68C
butterfly | | butterfly | butterfly | 1F98B
cactus | | cactus | cactus | 1F335
cake | cake | cake | cake | 1F382
camera | camera | camera | camera | 1F4F7
car | car | car | car-profile car-simple | 1F697
carrot | carrot | carrot | carrot | 1F955
castle | castle | building-castle | castle-turret | 1F3F0
cat | cat | cat | cat | 1F431 1F408
cherry | cherry | cherry | cherries | 1F352
clock | clock | clock | clock alarm | 1F550 23F0
cloud | cloud | cloud | cloud | 2601
crown | crown | crown | crown crown-simple | 1F451
cup | coffee | coffee cup | coffee | 2615
dog | dog | dog | dog | 1F436 1F415
door | door-closed door-open | door | door door-open | 1F6AA
dumbbell | dumbbell | barbell | barbell | 1F3CB
egg | egg | egg | egg | 1F95A
envelope | mail | mail | envelope envelope-simple | 2709
eye | eye | eye | eye | 1F441
fish | fish | fish | fish fish-simple | 1F41F
flag | flag | flag flag-2 flag-3 | flag flag-banner flag-pennant | 1F3F4
flower | flower-2 | flower plant-2 | flower flower-tulip | 1F33C 1F337
ghost | ghost | ghost ghost-2 ghost-3 | ghost | 1F47B
gift | gift | gift | gift | 1F381
glasses | glasses | eyeglass eyeglass-2 sunglasses | eyeglasses sunglasses | 1F453
guitar | guitar | guitar-pick | guitar | 1F3B8
hammer | hammer | hammer | hammer gavel | 1F528
hand | hand | hand-stop | hand hand-palm | 270B
headphones | headphones | headphones | headphones | 1F3A7
heart | heart | heart | heart heart-straight | 2764
helicopter | helicopter | helicopter | | 1F681
horse | | horse horse-toy | horse | 1F40E
house | house | home home-2 | house house-line house-simple | 1F3E0
ice_cream | ice-cream-cone | ice-cream ice-cream-2 | ice-cream popsicle | 1F366
key | key key-round | key | key | 1F511
ladder | | ladder | ladder ladder-simple | 1FA9C
lamp | lamp lamp-desk lamp-floor | lamp lamp-2 | lamp lamp-pendant | 1FA94
leaf | leaf | leaf leaf-2 leaf-maple | leaf | 1F343
light_bulb | lightbulb | bulb | lightbulb lightbulb-filament | 1F4A1
lock | lock | lock | lock lock-simple | 1F512
moon | moon | moon | moon | 1F319
mountain | mountain mountain-snow | mountain | mountains | 1F3D4
music_note | music music-2 music-3 | music | music-note music-notes music-note-simple | 1F3B5
pencil | pencil | pencil | pencil pencil-simple | 270F
phone | phone | phone | phone | 1F4DE
rabbit | rabbit | | rabbit | 1F430
rocket | rocket | rocket | rocket rocket-launch | 1F680
sailboat | sailboat | sailboat sailboat-2 | sailboat boat | 26F5
scissors | scissors | scissors | scissors | 2702
shirt | shirt | shirt | t-shirt | 1F455
shoe | sport-shoe | shoe | sneaker sneaker-move boot | 1F45F
skull | skull | skull | skull | 1F480
smile | smile face-slightly-smiling | mood-smile mood-happy | smiley | 1F642
snowflake | snowflake | snowflake | snowflake | 2744
star | star | star | star | 2B50
sun | sun sun-medium | sun sun-high | sun sun-dim | 2600
sword | sword | sword | sword | 1F5E1
table | | | table picnic-table desk |
television | tv | device-tv device-tv-old | television television-simple | 1F4FA
tent | tent | tent | tent tipi | 26FA
tractor | tractor | tractor | tractor | 1F69C
train | train-front tram-front | train | train train-simple tram | 1F686
tree | tree-deciduous tree-pine | tree christmas-tree | tree tree-evergreen | 1F333 1F332
trophy | trophy | trophy | trophy | 1F3C6
truck | truck | truck | truck | 1F69A
umbrella | umbrella | umbrella umbrella-2 | umbrella umbrella-simple | 2602
watch | watch | device-watch | watch | 231A
wine_glass | wine | glass-full glass | wine | 1F377
"""


def _read_table() -> dict[str, dict[str, tuple[str, ...]]]:
    """Class → name of a set → its icons; classes and sets in the table's order."""
    rows = [[cell.split() for cell in line.split("|")] for line in _TABLE.strip().splitlines()]
    return {name[0]: dict(zip(ICON_SETS, map(tuple, icons), strict=True)) for name, *icons in rows}


CLASSES: Mapping[str, Mapping[str, tuple[str, ...]]] = _read_table()
