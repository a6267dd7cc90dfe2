//! What each provider's documentation says about its limits.

use jiff::SignedDuration;
use tokio::sync::Semaphore;
use zixly_domain::Provider;

/// What a provider documents about its limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Documented {
    pub(super) window: SignedDuration,
    /// What an account may have at most. A provider that tells nothing in its answers teaches by refusing: then the
    /// budget is `least` for a while.
    pub(super) most: u32,
    pub(super) least: u32,
    /// What a call counts for, until the provider says.
    pub(super) cost: u32,
    /// How many calls one worker makes at once.
    pub(super) at_once: usize,
}

pub(super) const fn documented(provider: Provider) -> Documented {
    let a_second = SignedDuration::from_secs(1);
    let a_minute = SignedDuration::from_secs(60);
    let any = Semaphore::MAX_PERMITS;
    match provider {
        // Xero takes 5 calls at once from all workers together, and tells in no header how many are under way. Two
        // from each keeps two workers clear of it; beyond that, Xero's refusal comes without a time and is waited out
        // for some seconds.
        Provider::Xero => Documented { window: a_minute, most: 60, least: 60, cost: 1, at_once: 2 },
        Provider::HubSpot => {
            Documented { window: SignedDuration::from_secs(10), most: 110, least: 110, cost: 1, at_once: any }
        }
        // A bucket of points that fills in 20 s, whatever the plan.
        Provider::Shopify => Documented {
            window: SignedDuration::from_secs(20),
            most: 2000,
            least: 2000,
            cost: 50,
            at_once: any,
        },
        // 1500 for who pays, 150 for who does not, and no header that tells which it is.
        Provider::Asana => Documented { window: a_minute, most: 1500, least: 150, cost: 1, at_once: 10 },
        // Several hundred a minute for a workspace. The one a second that a channel takes is Slack's to tell.
        Provider::Slack => Documented { window: a_second, most: 10, least: 5, cost: 1, at_once: any },
        // The account's 14 a second are for all tenants, so each has half of them: one that floods leaves the others
        // theirs.
        Provider::Ses => Documented { window: a_second, most: 7, least: 2, cost: 1, at_once: any },
        // It documents nothing.
        Provider::Trading => Documented { window: a_second, most: 50, least: 5, cost: 1, at_once: any },
    }
}
