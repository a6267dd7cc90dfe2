use crate::words;

/// A business system that Zixly is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Accounting; an account is an organisation.
    Xero,
    /// Customer relations; an account is a portal.
    HubSpot,
}

words!(Provider, "provider", { Xero => "xero", HubSpot => "hubspot" });

impl Provider {
    /// The name as its maker writes it, for sentences that a person reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xero => "Xero",
            Self::HubSpot => "HubSpot",
        }
    }
}
