//! What providers say about their limits beside the answers themselves, for whoever keeps count.

use std::cell::Cell;
use std::time::Duration;

use reqwest::header::HeaderMap;
use zixly_domain::Provider;

tokio::task_local! {
    /// Set around a call by [`with_limits`], so that no method of a connector has to give it back.
    static HEARD: Cell<CallLimits>;
}

/// What a provider said about the limits that a call counts against; nothing of what it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// How much may be asked in a `window`: in calls, or in points where a provider counts those.
    pub limit: Option<u32>,
    /// How long the window is that `limit` counts in.
    pub window: Option<Duration>,
    /// How much is left of the limit that is nearest.
    pub remaining: Option<u32>,
    /// What this call counted for, where it is not one.
    pub cost: Option<u32>,
}

/// Makes the call and gives, beside what came of it, what the provider said about its limits, last word first.
pub async fn with_limits<T>(call: impl Future<Output = T>) -> (T, CallLimits) {
    let heard = async {
        let outcome = call.await;
        (outcome, HEARD.with(Cell::get))
    };
    HEARD.scope(Cell::default(), heard).await
}

/// Takes note of what stands in a body.
pub(crate) fn note(limits: CallLimits) {
    // Nobody listens around a token request, for one.
    let _ = HEARD.try_with(|heard| heard.set(limits));
}

/// Takes note of what stands in an answer's headers.
pub(crate) fn note_headers(provider: Provider, headers: &HeaderMap) {
    let number = |name: &str| -> Option<u32> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    match provider {
        // The organisation's minute and day, and the minute of the app in all organisations.
        Provider::Xero => {
            let names = ["x-minlimit-remaining", "x-daylimit-remaining", "x-appminlimit-remaining"];
            let remaining = names.into_iter().filter_map(number).min();
            note(CallLimits { remaining, ..CallLimits::default() });
        }
        Provider::HubSpot => {
            let names = ["x-hubspot-ratelimit-remaining", "x-hubspot-ratelimit-daily-remaining"];
            let interval_ms = number("x-hubspot-ratelimit-interval-milliseconds");
            note(CallLimits {
                limit: number("x-hubspot-ratelimit-max"),
                window: interval_ms.map(|ms| Duration::from_millis(ms.into())),
                remaining: names.into_iter().filter_map(number).min(),
                cost: None,
            });
        }
        // Shopify says it in the body; the others say nothing until it is too late.
        Provider::Shopify | Provider::Asana | Provider::Slack | Provider::Ses | Provider::Trading => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[tokio::test]
    async fn the_nearest_limit_counts() {
        let xero = headers(&[("x-daylimit-remaining", "12"), ("x-minlimit-remaining", "48")]);
        let ((), heard) = with_limits(async { note_headers(Provider::Xero, &xero) }).await;
        assert_eq!(heard, CallLimits { remaining: Some(12), ..CallLimits::default() });
    }

    #[tokio::test]
    async fn a_limit_comes_with_its_window() {
        let hubspot = headers(&[
            ("x-hubspot-ratelimit-max", "190"),
            ("x-hubspot-ratelimit-remaining", "7"),
            ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
        ]);
        let ((), heard) = with_limits(async { note_headers(Provider::HubSpot, &hubspot) }).await;
        let window = Some(Duration::from_secs(10));
        assert_eq!(heard, CallLimits { limit: Some(190), window, remaining: Some(7), cost: None });
    }

    #[tokio::test]
    async fn what_is_no_number_was_not_said_and_nobody_has_to_listen() {
        let xero = headers(&[("x-minlimit-remaining", "many")]);
        note_headers(Provider::Xero, &xero);
        let ((), heard) = with_limits(async { note_headers(Provider::Xero, &xero) }).await;
        assert_eq!(heard, CallLimits::default());
    }
}
