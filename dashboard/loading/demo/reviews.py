"""What customers think: scores that depend on whether an order came in time, and some comments."""

import numpy as np
import polars as pl

from dashboard.loading.demo.comments import comments, titles
from dashboard.loading.demo.deliveries import Deliveries, timestamps
from dashboard.loading.demo.draw import Dice, Flags, Integers
from dashboard.loading.demo.season import DAY_SECONDS

REVIEWED = 0.99  # of the orders

# Scores from 1 to 5 in percent, by how the delivery went; from Olist's public data set.
SCORES = {
    "in time": (6.6, 2.7, 8.0, 20.6, 62.1),
    "nothing came": (70.0, 8.0, 9.0, 5.0, 8.0),
    "late": (33.0, 8.5, 14.0, 16.5, 28.0),
    "very late": (68.0, 9.0, 8.0, 5.0, 10.0),
}
VERY_LATE_DAYS = 5
PATIENCE_DAYS = 3  # after the promised day, customers are asked even if nothing has come
ANSWER_DAYS, ANSWER_SIGMA = 1.7, 0.75


def review_rows(
    dice: Dice, numbers: Integers, sent: Deliveries, order_ids: pl.Series, end: int
) -> pl.DataFrame:
    """The rows of ``shop.order_reviews``: those that were answered before the moment ``end``."""
    patience_ends = sent.promised + PATIENCE_DAYS * DAY_SECONDS
    asked = (np.minimum(sent.delivered, patience_ends) // DAY_SECONDS + 1) * DAY_SECONDS
    thinking = ANSWER_DAYS * dice.log_normal("answer", numbers, ANSWER_SIGMA)
    answered = asked + (thinking * DAY_SECONDS).astype(np.int64)
    scores = _scores(dice, numbers, sent, answered)
    return pl.DataFrame(
        {
            "review_id": dice.ids("review", numbers),
            "order_id": order_ids,
            "review_score": scores,
            "review_comment_title": titles(dice, numbers, scores),
            "review_comment_message": comments(dice, numbers, scores),
            "review_creation_date": timestamps(asked),
            "review_answer_timestamp": timestamps(answered),
        }
    ).filter((dice.shares("review", numbers) < REVIEWED) & (answered < end))


def _scores(dice: Dice, numbers: Integers, sent: Deliveries, answered: Integers) -> Integers:
    """1 to 5; the first outcome that holds decides."""
    outcomes: dict[str, Flags] = {
        "in time": sent.delivered <= sent.promised,
        "nothing came": sent.delivered > answered,
        "late": sent.delivered < sent.promised + VERY_LATE_DAYS * DAY_SECONDS,
        "very late": sent.delivered > sent.promised,
    }
    scores = [dice.choices("score", numbers, SCORES[outcome]) + 1 for outcome in outcomes]
    return np.select(list(outcomes.values()), scores)
