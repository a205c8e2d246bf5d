"""What the shop sells, and who sells it: products with prices and weights, and their sellers."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from dashboard.loading.demo.brazil import CITY_STATES, SELLER_WEIGHTS, addresses
from dashboard.loading.demo.categories import CATEGORIES, NO_CATEGORY, SEASONAL
from dashboard.loading.demo.draw import Dice, Floats, Integers, allotted, cumulative, named, starts

# An assortment grows with the root of the orders; Olist had 32,951 products and 3,095 sellers.
PRODUCTS_PER_ROOT = 104
SELLERS_PER_ROOT = 10

PHOTOS = (52, 19, 12, 8, 5, 4)  # percent of the products with one photo, two …
PRICE_ENDINGS = {90: 58, 99: 24, 0: 10, 50: 5, 49: 3}  # cents, and percent of the products
CHEAPEST_CENTS, DEAREST_CENTS = 390, 670_000

WEIGHT_SIGMA = 0.7
LIGHTEST_G, HEAVIEST_G = 50, 30_000  # the post takes no more
SIZE_SIGMA = 0.25
SIZE_CLASSES_G = (200, 500, 1_500, 5_000, 12_000)
SIZE_CLASSES_CM = {
    "length": np.array([18, 20, 27, 35, 47, 60]),
    "height": np.array([6, 10, 14, 20, 26, 34]),
    "width": np.array([13, 16, 20, 27, 34, 42]),
}
DESCRIPTION_LENGTH, DESCRIPTION_SIGMA, LONGEST_DESCRIPTION = 600, 0.75, 3_990

_ALL = (*CATEGORIES, NO_CATEGORY)


@dataclass(frozen=True, slots=True)
class Assortment:
    """Products, numbered from 0 and in order of their category, and sellers."""

    dice: Dice
    category_sizes: Integers  # products a category
    prices: Integers  # cents a product
    weights: Integers  # grams a product
    sellers: Integers  # the seller of each product
    seller_cities: Integers
    popularity: Floats  # for each month, the share of what is sold up to each category

    def picks(self, months: Integers, numbers: Integers) -> Integers:
        """A product for each row: by the categories that sell in its month, and more often a popular one."""
        place = np.searchsorted(self.popularity, months + self.dice.shares("category", numbers), side="right")
        category = place % len(_ALL)
        share = self.dice.shares("product", numbers)
        rank = (share * share * self.category_sizes[category]).astype(np.int64)
        picked: Integers = starts(self.category_sizes)[category] + rank
        return picked

    def product_rows(self) -> pl.DataFrame:
        """The rows of ``shop.products``."""
        numbers = np.arange(len(self.prices))
        category = np.repeat(np.arange(len(_ALL)), self.category_sizes)
        described = pl.col("product_category_name").is_not_null()
        facts = {
            "product_name_length": self.dice.integers("name length", numbers, 20, 63),
            "product_description_length": np.minimum(
                (DESCRIPTION_LENGTH * self.dice.log_normal("description", numbers, DESCRIPTION_SIGMA)).astype(
                    int
                ),
                LONGEST_DESCRIPTION,
            ),
            "product_photos_qty": self.dice.choices("photos", numbers, PHOTOS) + 1,
        }
        return pl.DataFrame(
            {
                "product_id": self.dice.ids("product", numbers),
                "product_category_name": named([each.name for each in _ALL], category),
                **facts,
                "product_weight_g": self.weights,
                **_sizes(self.dice, numbers, self.weights),
            }
        ).with_columns(pl.when(described).then(pl.col(*facts)))

    def seller_rows(self) -> pl.DataFrame:
        """The rows of ``shop.sellers``."""
        numbers = np.arange(len(self.seller_cities))
        return pl.DataFrame(
            {
                "seller_id": self.dice.ids("seller", numbers),
                **addresses(self.dice, "seller", numbers, self.seller_cities),
            }
        )

    def origins(self, products: Integers) -> Integers:
        """The state that each product is sent from, as its position in ``STATES``."""
        return CITY_STATES[self.seller_cities[self.sellers[products]]]


def translation_rows() -> pl.DataFrame:
    """The rows of ``shop.category_translation``."""
    return pl.DataFrame(
        {
            "product_category_name": [each.name for each in CATEGORIES],
            "product_category_name_english": [each.english for each in CATEGORIES],
        }
    )


def assortment(dice: Dice, orders: int) -> Assortment:
    """The assortment of a shop that had so many orders."""
    root = math.isqrt(orders)
    products, sellers = PRODUCTS_PER_ROOT * root, SELLERS_PER_ROOT * root
    sizes = [1 + more for more in allotted(products, [each.sold for each in _ALL])]
    numbers = np.arange(sum(sizes))
    share = dice.shares("seller of the product", numbers)
    return Assortment(
        dice=dice,
        category_sizes=np.array(sizes),
        prices=_prices(dice, numbers, sizes),
        weights=_weights(dice, numbers, sizes),
        sellers=(share * share * sellers).astype(np.int64),
        seller_cities=dice.choices("seat", np.arange(sellers), SELLER_WEIGHTS),
        popularity=_popularity(),
    )


def _prices(dice: Dice, numbers: Integers, sizes: list[int]) -> Integers:
    """Cents; most prices end like prices do."""
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    exact = [
        each.median_price * dice.log_normal("price", part, each.price_sigma)
        for each, part in zip(_ALL, parts, strict=True)
    ]
    ending = dice.choices("price ending", numbers, list(PRICE_ENDINGS.values()))
    prices: Integers = np.concatenate(exact).astype(np.int64) * 100 + np.array(list(PRICE_ENDINGS))[ending]
    return np.clip(prices, CHEAPEST_CENTS, DEAREST_CENTS)


def _weights(dice: Dice, numbers: Integers, sizes: list[int]) -> Integers:
    medians = np.repeat([each.median_weight for each in _ALL], sizes)
    grams = medians * dice.log_normal("weight", numbers, WEIGHT_SIGMA)
    weights: Integers = np.clip(grams.astype(np.int64), LIGHTEST_G, HEAVIEST_G)
    return weights


def _popularity() -> Floats:
    """Twelve times the cumulative shares of the categories, each month's raised by its number."""
    return np.concatenate([month + cumulative(_sold(month + 1)) for month in range(12)])


def _sold(month: int) -> list[float]:
    return [each.sold * SEASONAL.get(each.name or "", {}).get(month, 1.0) for each in _ALL]


def _sizes(dice: Dice, numbers: Integers, weights: Integers) -> dict[str, Integers]:
    """Length, height and width in cm; what is heavier is larger."""
    heavier = np.searchsorted(SIZE_CLASSES_G, weights)
    return {
        f"product_{side}_cm": (medians[heavier] * dice.log_normal(side, numbers, SIZE_SIGMA)).astype(np.int64)
        for side, medians in SIZE_CLASSES_CM.items()
    }
