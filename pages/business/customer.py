"""One customer: when they ordered, for how much, their segment, and all of their orders."""

import streamlit as st

from dashboard import app, customers, explore, ui
from dashboard.notation import Format

st.page_link("../pages/business/customers.py", label="All customers", icon=":material/arrow_back:")
data, notation = app.data(), app.notation()
person = st.query_params.get("id", "")
known = data.frame("business/customer", customer=person)

if known.rows.is_empty():
    ui.unknown("customer", person)
    st.stop()

[facts] = known.rows.iter_rows(named=True)
with ui.card(f"Customer {person}"):
    with st.container(horizontal=True):
        ui.figure("Revenue", notation.figure(facts["total_spent"], Format.MONEY), "Payments for all orders.")
        ui.figure("Orders", notation.figure(facts["total_orders"], Format.COUNT))
        ui.figure("Average order value", notation.figure(facts["average_order_value"], Format.MONEY))
        ui.figure("First order", f"{facts['first_order']:%-d %b %Y}")
        ui.figure(
            "Last order",
            f"{facts['last_order']:%-d %b %Y}",
            f"{notation.exact(facts['recency_days'], Format.COUNT)} days before the last order of the shop.",
        )
        ui.figure("Segment", facts["segment"], customers.DEFINITIONS[facts["segment"]])
    ui.badge(known.provenance, "customer")

with ui.card("Orders"):
    orders, title = explore.orders_of(data, person), f"Orders of customer {person}"
    ui.table(orders.rows, explore.ORDER_COLUMNS, alt=f"{title}, newest first.")
    ui.foot(orders, "orders", ui.sheet(title, explore.ORDER_COLUMNS, orders), is_table=True)
