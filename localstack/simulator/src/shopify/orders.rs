//! Orders: given as webhooks carry them, shown as the GraphQL API shows them.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::graphql::{CONNECTION, TYPE};

/// The order's id, and the order as the GraphQL API knows it.
pub fn read(order: &Value) -> Result<(u64, Value), String> {
    if !order.is_object() {
        return Err("an order must be a JSON object".to_owned());
    }
    let id = number(&order["id"]).ok_or("an order must have an id, a whole number")?;
    let currency = text(&order["currency"]).ok_or("an order must have a currency")?;
    let presented = text(&order["presentment_currency"]).unwrap_or_else(|| currency.clone());
    let money = |amount: &Value| money(amount, &currency);
    let total = money(&order["total_price"])?;
    if total.is_null() {
        return Err("an order must have a total_price".to_owned());
    }
    let items = list(&order["line_items"]).map(|item| line_item(item, &currency));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let shipping_lines = list(&order["shipping_lines"]).map(|line| shipping_line(line, &currency));
    let shipping_lines = shipping_lines.collect::<Result<Vec<_>, _>>()?;
    let shipping = list(&order["shipping_lines"]).filter_map(|line| decimal(&line["price"])).sum::<Decimal>();
    let shown = json!({
        TYPE: "Order",
        "id": gid("Order", id),
        "legacyResourceId": id.to_string(),
        "name": order["name"],
        "email": order["email"],
        "phone": order["phone"],
        "note": order["note"],
        "test": order["test"].as_bool().unwrap_or(false),
        "displayFinancialStatus": text(&order["financial_status"]).map(|status| status.to_uppercase()),
        "createdAt": order["created_at"],
        "processedAt": order["processed_at"],
        "updatedAt": order["updated_at"],
        "cancelledAt": order["cancelled_at"],
        "taxesIncluded": order["taxes_included"].as_bool().unwrap_or(false),
        "currencyCode": currency,
        "presentmentCurrencyCode": presented,
        "totalPriceSet": total,
        "currentTotalPriceSet": total,
        "subtotalPriceSet": money(&order["subtotal_price"])?,
        "totalTaxSet": money(&order["total_tax"])?,
        "totalDiscountsSet": money(&order["total_discounts"])?,
        "totalShippingPriceSet": money(&json!(shipping.to_string()))?,
        "taxLines": tax_lines(order, &currency)?,
        "customer": customer(&order["customer"]),
        "lineItems": { CONNECTION: items },
        "shippingLines": { CONNECTION: shipping_lines },
    });
    Ok((id, shown))
}

/// A global id.
pub fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

fn customer(customer: &Value) -> Value {
    let Some(id) = number(&customer["id"]) else { return Value::Null };
    let names: Vec<String> =
        ["first_name", "last_name"].into_iter().filter_map(|name| text(&customer[name])).collect();
    json!({
        TYPE: "Customer",
        "id": gid("Customer", id),
        "legacyResourceId": id.to_string(),
        "firstName": customer["first_name"],
        "lastName": customer["last_name"],
        "displayName": names.join(" "),
        "email": customer["email"],
        "phone": customer["phone"],
    })
}

fn line_item(item: &Value, currency: &str) -> Result<Value, String> {
    let price = decimal(&item["price"]).ok_or("a line item must have a price")?;
    let quantity = item["quantity"].as_u64().ok_or("a line item must have a quantity")?;
    let total = price * Decimal::from(quantity);
    let discount = decimal(&item["total_discount"]).unwrap_or_default();
    let money = |amount: Decimal| money(&json!(amount.to_string()), currency);
    Ok(json!({
        TYPE: "LineItem",
        "id": number(&item["id"]).map(|id| gid("LineItem", id)),
        "title": item["title"],
        "name": item["title"],
        "quantity": quantity,
        "currentQuantity": quantity,
        "sku": item["sku"],
        "taxable": item["taxable"].as_bool().unwrap_or(true),
        "originalUnitPriceSet": money(price)?,
        "originalTotalSet": money(total)?,
        "discountedTotalSet": money(total - discount)?,
        "totalDiscountSet": money(discount)?,
        "taxLines": tax_lines(item, currency)?,
    }))
}

fn shipping_line(line: &Value, currency: &str) -> Result<Value, String> {
    let price = money(&line["price"], currency)?;
    Ok(json!({
        TYPE: "ShippingLine",
        "title": line["title"],
        "code": line["code"],
        "originalPriceSet": price,
        "discountedPriceSet": match &line["discounted_price"] {
            Value::Null => price,
            discounted => money(discounted, currency)?,
        },
        "taxLines": tax_lines(line, currency)?,
    }))
}

fn tax_lines(of: &Value, currency: &str) -> Result<Value, String> {
    let tax_line = |line: &Value| {
        let percentage = line["rate"].as_f64().map(|rate| (rate * 1e8).round() / 1e6);
        Ok(json!({
            TYPE: "TaxLine",
            "title": line["title"],
            "rate": line["rate"],
            "ratePercentage": percentage,
            "priceSet": money(&line["price"], currency)?,
        }))
    };
    list(&of["tax_lines"]).map(tax_line).collect::<Result<Vec<_>, String>>().map(Value::Array)
}

/// An amount in the shop's currency; null stays null.
fn money(amount: &Value, currency: &str) -> Result<Value, String> {
    if amount.is_null() {
        return Ok(Value::Null);
    }
    let amount = decimal(amount).ok_or_else(|| format!("{amount} is not an amount"))?;
    let money = json!({ TYPE: "MoneyV2", "amount": shown_amount(amount), "currencyCode": currency });
    Ok(json!({ TYPE: "MoneyBag", "shopMoney": money, "presentmentMoney": money }))
}

/// The API drops zeros at the end, all but one: 13.50 is "13.5" and 10.00 is "10.0".
fn shown_amount(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() == 0 {
        amount.rescale(1);
    }
    amount.to_string()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
