"""Who the customers of the demo world are, but for Customer XYZ: names, places, people. Pure."""

from typing import NamedTuple

from shared.contracts.values import PaymentTerms


class Company(NamedTuple):
    """A company. domain: of its website, below `.example`. state: empty outside the US."""

    name: str
    domain: str
    street: str
    city: str
    state: str
    postal_code: str
    country: str = "US"


class Terms(NamedTuple):
    """On what terms it buys. limit: of credit, in `currency`. discount: percent."""

    payment: PaymentTerms
    limit: int
    discount: str = "0.0"
    currency: str = "USD"


PEOPLE = (
    ("Maria Lopez", "Head of Purchasing"),
    ("David Chen", "Operations Manager"),
    ("Ruth Abrams", "Accounts Payable"),
    ("Peter Novak", "Buyer"),
    ("Grace Okafor", "Finance Manager"),
    ("Liam Murphy", "Warehouse Manager"),
    ("Hanna Weiss", "Procurement Manager"),
    ("Samuel Reed", "Owner"),
)

LATE = Company("Dawson Machine Works", "dawson", "18 Foundry Street", "Toledo", "OH", "43604")
AT_LIMIT = Company("Brightwater Marine", "brightwater", "7 Slipway Road", "Mobile", "AL", "36602")
INACTIVE = Company("Old Mill Textiles", "oldmill", "1 Mill Lane", "Lowell", "MA", "01852")
NEW = Company("Newport Robotics", "newport", "300 Thames Street", "Newport", "RI", "02840")
DORMANT = Company("Sierra Camping Supply", "sierra", "45 Pine Street", "Reno", "NV", "89501")
EURO = Company("Café Zentral", "zentral", "Herrengasse 14", "Wien", "", "1010", "AT")
PREPAID = Company("Popup Stores Inc", "popup", "902 Canal Street", "New Orleans", "LA", "70112")
RETURNING = Company("Harvest Kitchenware", "harvest", "61 Orchard Avenue", "Fresno", "CA", "93721")
WRITTEN_OFF = Company("Tumbleweed Trading", "tumbleweed", "12 Route 66", "Tucumcari", "NM", "88401")
CREDITED = Company("Granite State Tools", "granite", "210 Elm Street", "Manchester", "NH", "03101")
TAKEN_OVER = Company("Lakeside Hardware", "lakeside", "88 Shore Drive", "Madison", "WI", "53703")

OTHERS = (
    Company("Northwind Traders", "northwind", "2 Harbor Road", "Portland", "OR", "97201"),
    Company("Acme Fasteners", "acme", "400 Industrial Parkway", "Dayton", "OH", "45402"),
    Company("Blue Ridge Outfitters", "blueridge", "17 Parkway Drive", "Asheville", "NC", "28801"),
    Company("Cascade Electric", "cascade", "915 Pine Street", "Seattle", "WA", "98101"),
    Company("Delta Pumps", "deltapumps", "33 Levee Street", "Memphis", "TN", "38103"),
    Company("Evergreen Nurseries", "evergreen", "5 Garden Way", "Salem", "OR", "97301"),
    Company("Fairmont Office Supply", "fairmont", "72 Main Street", "Fairmont", "WV", "26554"),
    Company("Gulf Coast Refrigeration", "gulfcoast", "140 Bay Street", "Tampa", "FL", "33602"),
    Company("Heartland Feed and Seed", "heartland", "9 Elevator Road", "Salina", "KS", "67401"),
    Company("Ironwood Cabinetry", "ironwood", "28 Timber Street", "Bend", "OR", "97701"),
    Company("Juniper Labs", "juniper", "1550 Research Drive", "Boulder", "CO", "80302"),
    Company("Keystone Bearings", "keystone", "610 Penn Avenue", "Pittsburgh", "PA", "15222"),
    Company("Lone Star Welding", "lonestar", "77 Ranch Road", "Waco", "TX", "76701"),
    Company("Magnolia Bakery Supply", "magnolia", "23 Peachtree Lane", "Macon", "GA", "31201"),
    Company("Northern Lights Signs", "northernlights", "4 Aurora Street", "Duluth", "MN", "55802"),
    Company("Oceanic Plastics", "oceanic", "350 Dock Street", "Newark", "NJ", "07102"),
    Company("Prairie Wind Energy", "prairiewind", "12 Turbine Road", "Amarillo", "TX", "79101"),
    Company("Quarry Stone Works", "quarry", "81 Granite Street", "Barre", "VT", "05641"),
    Company("Red Rock Cycles", "redrock", "64 Canyon Drive", "Moab", "UT", "84532"),
    Company("Summit Climbing Gear", "summit", "2 Alpine Way", "Golden", "CO", "80401"),
    Company("Tidewater Shipyard", "tidewater", "500 Anchor Street", "Norfolk", "VA", "23510"),
    Company("Union Street Market", "unionstreet", "19 Union Street", "Spokane", "WA", "99201"),
    Company("Valley Forge Castings", "valleyforge", "240 Furnace Road", "Reading", "PA", "19601"),
    Company("Westfield Instruments", "westfield", "31 Lab Street", "Rochester", "NY", "14604"),
    Company("Yellowstone Lodge Group", "yellowstone", "1 Geyser Road", "Bozeman", "MT", "59715"),
    Company("Zephyr Air Systems", "zephyr", "88 Runway Drive", "Wichita", "KS", "67202"),
    Company("Aster Medical", "aster", "700 Clinic Street", "Cleveland", "OH", "44113"),
    Company("Birch and Barrel", "birch", "16 Cooper Street", "Louisville", "KY", "40202"),
    Company("Copper Canyon Roofing", "coppercanyon", "52 Mesa Avenue", "Tucson", "AZ", "85701"),
    Company("Dogwood Furniture", "dogwood", "11 Factory Street", "High Point", "NC", "27260"),
    Company("Elk River Paper", "elkriver", "300 River Street", "Green Bay", "WI", "54301"),
    Company("Frontier Fencing", "frontier", "8 Cattle Drive", "Cheyenne", "WY", "82001"),
    Company("Great Lakes Glass", "greatlakes", "190 Furnace Street", "Toledo", "OH", "43604"),
    Company("Hudson Valley Cider", "hudsoncider", "44 Orchard Road", "Kingston", "NY", "12401"),
    Company("Inland Drone Services", "inland", "6 Hangar Road", "Boise", "ID", "83702"),
    Company("Maple Leaf Packaging", "mapleleaf", "210 King Street", "Toronto", "", "M5H 1J9", "CA"),
    Company("Solway Engineering", "solway", "3 Castle Street", "Carlisle", "", "CA3 8TP", "GB"),
    Company("Atelier Lumière", "lumiere", "12 rue des Forges", "Dijon", "", "21000", "FR"),
)
