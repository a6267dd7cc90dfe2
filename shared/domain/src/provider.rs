use crate::words;

/// A business system that Zixly is connected to, or a service that it sends through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Accounting; an account is an organisation.
    Xero,
    /// Customer relations; an account is a portal.
    HubSpot,
    /// A web shop; an account is a shop, by its `myshopify.com` domain.
    Shopify,
    /// Tasks and projects; an account is a workspace.
    Asana,
    /// Messages to a team; an account is a workspace. It sends no deliveries.
    Slack,
    /// E-mail; the installation's own account at AWS. It sends no deliveries.
    Ses,
    /// Tries trading strategies; the installation's own service, which one key opens for all tenants.
    Trading,
}

words!(Provider, "provider", {
    Xero => "xero", HubSpot => "hubspot", Shopify => "shopify", Asana => "asana",
    Slack => "slack", Ses => "ses", Trading => "trading",
});

impl Provider {
    /// The name as its maker writes it, for sentences that a person reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xero => "Xero",
            Self::HubSpot => "HubSpot",
            Self::Shopify => "Shopify",
            Self::Asana => "Asana",
            Self::Slack => "Slack",
            Self::Ses => "Amazon SES",
            Self::Trading => "the trading API",
        }
    }
}
