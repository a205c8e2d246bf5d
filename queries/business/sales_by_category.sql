-- Pieces sold and item sales (price and freight) per day and product category.
-- reads: daily_sales_by_category
-- params: start, end
-- split: month(date)
-- ttl: analytics
SELECT date, category, units, item_sales
FROM dashboard.daily_sales_by_category
WHERE date >= :start AND date < :end
ORDER BY date, category
