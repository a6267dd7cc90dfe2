use crate::words;

/// A business system that Zixly is connected to.
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
}

words!(Provider, "provider", {
    Xero => "xero", HubSpot => "hubspot", Shopify => "shopify", Asana => "asana",
});

impl Provider {
    /// The name as its maker writes it, for sentences that a person reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xero => "Xero",
            Self::HubSpot => "HubSpot",
            Self::Shopify => "Shopify",
            Self::Asana => "Asana",
        }
    }
}
