//! From an order to an invoice. What the lines, the shipping and the discounts leave open is a line of its own, so that
//! the invoice always comes to what was paid; and each line carries its part of the shop's tax, so that the tax in Xero
//! is the one that the shop has taken.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ReadLine, ReadOrder};

/// The places that Xero keeps of an amount, and of a unit amount.
const AMOUNT_PLACES: u32 = 2;
const UNIT_AMOUNT_PLACES: u32 = 4;

/// What is to be booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Draft {
    pub(super) invoice_number: String,
    /// What the shop calls the order.
    pub(super) reference: String,
    pub(super) date: Date,
    pub(super) currency: String,
    pub(super) tax_included: bool,
    pub(super) total: Decimal,
    pub(super) contact: Contact,
    pub(super) lines: Vec<Line>,
}

/// Whom the invoice is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Contact {
    /// The same for every order of the same customer, at most 50 characters.
    pub(super) number: String,
    pub(super) name: String,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) description: String,
    pub(super) quantity: Decimal,
    pub(super) unit_amount: Decimal,
    pub(super) tax: Decimal,
}

pub(super) fn draft(shop: &str, order_id: &str, date: Date, order: &ReadOrder) -> Draft {
    Draft {
        invoice_number: format!("SHOP-{order_id}"),
        reference: order.name.clone(),
        date,
        currency: order.currency.clone(),
        tax_included: order.taxes_included,
        total: order.total,
        contact: contact(shop, order),
        lines: lines(order),
    }
}

/// An order may name its customer, or only an e-mail address, or nobody: then it is one of the shop's guests.
fn contact(shop: &str, order: &ReadOrder) -> Contact {
    let email = order.email.clone();
    let number = match (&order.customer, &email) {
        (Some(customer), _) => format!("shopify-{}", customer.id),
        (None, Some(email)) => format!("shopify-guest-{}", short_hash(&email.to_lowercase())),
        (None, None) => format!("shopify-guests-{}", short_hash(shop)),
    };
    let (first_name, last_name) = order
        .customer
        .as_ref()
        .map_or((None, None), |customer| (customer.first_name.clone(), customer.last_name.clone()));
    let full_name: Vec<&str> =
        [&first_name, &last_name].into_iter().filter_map(|name| name.as_deref()).collect();
    let name = match (full_name.is_empty(), &email, &order.customer) {
        (false, _, _) => full_name.join(" "),
        (true, Some(email), _) => email.clone(),
        (true, None, Some(customer)) => format!("Shopify customer {}", customer.id),
        (true, None, None) => format!("Guests of {shop}"),
    };
    Contact { number, name, first_name, last_name, email }
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn lines(order: &ReadOrder) -> Vec<Line> {
    let mut lines: Vec<Line> = order.lines.iter().filter(|line| line.quantity > 0).map(item).collect();
    lines.extend(extra("Shipping", order.shipping));
    lines.extend(extra("Discounts", -order.discounts));
    let lines_total = if order.taxes_included { order.total } else { order.total - order.tax };
    let so_far: Decimal = lines.iter().map(Line::amount).sum();
    lines.extend(extra("Other charges and discounts", rounded(lines_total - so_far)));
    spread(order.tax, &mut lines);
    lines
}

/// Xero rounds the product of quantity and price; where that would matter we do it, so that there is nothing to round.
fn item(line: &ReadLine) -> Line {
    let quantity = Decimal::from(line.quantity);
    let amount = quantity * line.unit_price;
    let sku = line.sku.as_ref().map(|sku| format!(" ({sku})")).unwrap_or_default();
    let description = format!("{}{sku}", line.title);
    let is_exact =
        amount == rounded(amount) && line.unit_price == line.unit_price.round_dp(UNIT_AMOUNT_PLACES);
    if is_exact {
        Line { description, quantity, unit_amount: line.unit_price, tax: Decimal::ZERO }
    } else {
        let description = format!("{quantity} × {description}");
        Line { description, quantity: Decimal::ONE, unit_amount: rounded(amount), tax: Decimal::ZERO }
    }
}

fn extra(description: &str, amount: Decimal) -> Option<Line> {
    (!amount.is_zero()).then(|| Line {
        description: description.to_owned(),
        quantity: Decimal::ONE,
        unit_amount: amount,
        tax: Decimal::ZERO,
    })
}

/// Gives each line its share by amount; the first one also what the rounding leaves.
fn spread(tax: Decimal, lines: &mut [Line]) {
    let total: Decimal = lines.iter().map(Line::amount).sum();
    if total.is_zero() {
        return;
    }
    for line in &mut *lines {
        line.tax = rounded(tax * line.amount() / total);
    }
    let spread: Decimal = lines.iter().map(|line| line.tax).sum();
    if let Some(first) = lines.first_mut() {
        first.tax += tax - spread;
    }
}

fn rounded(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(AMOUNT_PLACES, RoundingStrategy::MidpointAwayFromZero)
}

impl Line {
    fn amount(&self) -> Decimal {
        self.quantity * self.unit_amount
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::read::ReadCustomer;
    use super::*;

    pub(in super::super) fn order() -> ReadOrder {
        ReadOrder {
            name: "#1002".into(),
            financial_status: Some("PAID".into()),
            is_test: false,
            is_cancelled: false,
            date: Some(jiff::civil::date(2026, 10, 1)),
            currency: "EUR".into(),
            taxes_included: false,
            total: amount("238.47"),
            tax: amount("13.50"),
            shipping: Decimal::ZERO,
            discounts: Decimal::ZERO,
            email: Some("pat@example.com".into()),
            customer: Some(ReadCustomer {
                id: "115310627314723954".into(),
                first_name: Some("Pat".into()),
                last_name: Some("O'Neil".into()),
            }),
            lines: vec![line("Mug", 2, "112.485")],
        }
    }

    fn line(title: &str, quantity: u32, unit_price: &str) -> ReadLine {
        ReadLine { title: title.into(), sku: None, quantity, unit_price: amount(unit_price) }
    }

    fn amount(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn drafted(change: impl FnOnce(&mut ReadOrder)) -> Draft {
        let mut order = order();
        change(&mut order);
        let draft =
            draft("quickstart.myshopify.com", "5726128734520", jiff::civil::date(2026, 10, 1), &order);
        let net: Decimal = draft.lines.iter().map(Line::amount).sum();
        let tax: Decimal = draft.lines.iter().map(|line| line.tax).sum();
        let total = if draft.tax_included { net } else { net + tax };
        assert_eq!(total, order.total, "an invoice comes to what was paid");
        assert_eq!(tax, order.tax, "and carries the shop's tax");
        draft
    }

    fn shown(draft: &Draft) -> Vec<String> {
        let show = |line: &Line| {
            format!("{}: {} × {} tax {}", line.description, line.quantity, line.unit_amount, line.tax)
        };
        draft.lines.iter().map(show).collect()
    }

    #[test]
    fn prices_without_tax_stay_as_they_are_and_the_tax_comes_on_top() {
        assert_eq!(shown(&drafted(|_| ())), ["Mug: 2 × 112.485 tax 13.50"]);
    }

    #[test]
    fn shipping_and_discounts_are_lines_and_share_the_tax() {
        let draft = drafted(|order| {
            order.lines = vec![line("Mug", 3, "10"), line("Tea", 1, "5.55")];
            order.shipping = amount("4.90");
            order.discounts = amount("3.50");
            order.tax = amount("7.02");
            order.total = amount("43.98");
        });
        assert_eq!(
            shown(&draft),
            [
                "Mug: 3 × 10 tax 5.70",
                "Tea: 1 × 5.55 tax 1.05",
                "Shipping: 1 × 4.90 tax 0.93",
                "Discounts: 1 × -3.50 tax -0.66",
                "Other charges and discounts: 1 × 0.01 tax 0.00",
            ]
        );
    }

    #[test]
    fn what_nobody_explains_is_a_line_of_its_own() {
        let draft = drafted(|order| {
            order.taxes_included = true;
            order.tax = amount("39.74");
        });
        assert_eq!(
            shown(&draft),
            ["Mug: 2 × 112.485 tax 37.49", "Other charges and discounts: 1 × 13.50 tax 2.25"]
        );
    }

    #[test]
    fn a_price_that_has_to_be_rounded_is_multiplied_out() {
        let draft = drafted(|order| {
            order.lines = vec![line("Screw", 3, "0.3335")];
            order.tax = Decimal::ZERO;
            order.total = amount("1.00");
        });
        assert_eq!(shown(&draft), ["3 × Screw: 1 × 1.00 tax 0"]);
    }

    #[test]
    fn an_order_without_lines_is_still_booked() {
        let draft = drafted(|order| order.lines.clear());
        assert_eq!(shown(&draft), ["Other charges and discounts: 1 × 224.97 tax 13.50"]);
    }

    #[test]
    fn the_contact_is_the_customer_or_a_guest() {
        let contact = |change: fn(&mut ReadOrder)| {
            let Contact { number, name, .. } = drafted(change).contact;
            assert!(number.len() <= 50, "{number}");
            (number, name)
        };
        assert_eq!(contact(|_| ()), ("shopify-115310627314723954".into(), "Pat O'Neil".into()));
        let (guest, name) = contact(|order| order.customer = None);
        assert_eq!(name, "pat@example.com");
        assert!(guest.starts_with("shopify-guest-"), "{guest}");
        let (_, name) = contact(|order| {
            order.customer = None;
            order.email = None;
        });
        assert_eq!(name, "Guests of quickstart.myshopify.com");
    }
}
