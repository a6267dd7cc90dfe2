//! What is kept of an order as it was read.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zixly_connectors::shopify::{Order, OrderLine};

/// What is read of an order, with all its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReadOrder {
    pub(super) name: String,
    pub(super) financial_status: Option<String>,
    pub(super) is_test: bool,
    pub(super) is_cancelled: bool,
    pub(super) date: Option<Date>,
    pub(super) currency: String,
    pub(super) taxes_included: bool,
    pub(super) total: Decimal,
    pub(super) tax: Decimal,
    pub(super) shipping: Decimal,
    pub(super) discounts: Decimal,
    pub(super) email: Option<String>,
    pub(super) customer: Option<ReadCustomer>,
    pub(super) lines: Vec<ReadLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReadCustomer {
    pub(super) id: String,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReadLine {
    pub(super) title: String,
    pub(super) sku: Option<String>,
    pub(super) quantity: u32,
    pub(super) unit_price: Decimal,
}

impl From<Order> for ReadOrder {
    fn from(order: Order) -> Self {
        let email = order.customer.as_ref().and_then(|customer| customer.email.clone());
        Self {
            name: order.name,
            financial_status: order.financial_status,
            is_test: order.is_test,
            is_cancelled: order.is_cancelled,
            date: order.processed_at.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date()),
            currency: order.currency_code,
            taxes_included: order.taxes_included,
            total: order.total,
            tax: order.total_tax,
            shipping: order.total_shipping,
            discounts: order.total_discounts,
            email: order.email.or(email),
            customer: order.customer.map(|customer| ReadCustomer {
                id: customer.id,
                first_name: customer.first_name,
                last_name: customer.last_name,
            }),
            lines: order.lines.into_iter().map(ReadLine::from).collect(),
        }
    }
}

impl From<OrderLine> for ReadLine {
    fn from(line: OrderLine) -> Self {
        Self { title: line.title, sku: line.sku, quantity: line.quantity, unit_price: line.unit_price }
    }
}
