//! The accounts that the user of the consent pages has, and what accounts are called.

use crate::{SimulatorConfig, call::Provider};

/// The demo accounts and those that were seeded, in that order.
pub struct Accounts {
    known: Vec<Account>,
}

/// An organisation, a portal, a shop or a workspace.
pub struct Account {
    provider: Provider,
    pub id: String,
    pub name: String,
}

/// The field that names an account in a record of this kind; nothing for a kind that is no account.
pub fn naming_field(provider: Provider, kind: &str) -> Option<&'static str> {
    match (provider, kind) {
        (Provider::Xero, "organisation") | (Provider::Hubspot, "portal") => Some("id"),
        (Provider::Shopify, "shop") => Some("domain"),
        (Provider::Asana, "workspace") => Some("gid"),
        _ => None,
    }
}

impl Accounts {
    pub fn new(config: &SimulatorConfig) -> Self {
        let demo = [
            (Provider::Xero, config.demo_xero_organisation.to_string()),
            (Provider::Hubspot, config.demo_hubspot_portal.to_string()),
            (Provider::Shopify, config.demo_shop.clone()),
            (Provider::Asana, config.demo_asana_workspace.to_string()),
        ];
        let account = |(provider, id)| Account { provider, id, name: demo_name(provider).to_owned() };
        Self { known: demo.into_iter().map(account).collect() }
    }

    /// Puts an account in, or gives it another name.
    pub fn put(&mut self, provider: Provider, id: String, name: String) {
        match self.known.iter_mut().find(|known| known.provider == provider && known.id == id) {
            Some(known) => known.name = name,
            None => self.known.push(Account { provider, id, name }),
        }
    }

    pub fn of(&self, provider: Provider) -> impl Iterator<Item = &Account> {
        self.known.iter().filter(move |known| known.provider == provider)
    }

    /// What an account is called. One that is known by a consent only has the demo account's name.
    pub fn name(&self, provider: Provider, id: &str) -> &str {
        self.of(provider).find(|known| known.id == id).map_or(demo_name(provider), |known| &known.name)
    }
}

fn demo_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Xero => "Demo Company (simulated)",
        // HubSpot calls a portal by its domain.
        Provider::Hubspot => "demo-portal.example.com",
        Provider::Shopify => "Demo shop (simulated)",
        Provider::Asana => "Demo workspace (simulated)",
        Provider::Slack | Provider::Ses | Provider::Trading | Provider::Auth => "Demo account (simulated)",
    }
}
