//! How much each account may ask, and the headers that say what is left.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::call::Answer;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const TEN_SECONDS: SignedDuration = SignedDuration::from_secs(10);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Xero's limits, per organisation unless said otherwise.
#[derive(Debug, Clone, Copy)]
pub struct XeroLimits {
    /// Requests in a minute.
    pub per_minute: u32,
    /// Requests in a day.
    pub per_day: u32,
    /// Requests running at once.
    pub concurrent: u32,
    /// Requests in a minute over all organisations of the app.
    pub app_per_minute: u32,
}

impl Default for XeroLimits {
    fn default() -> Self {
        Self { per_minute: 60, per_day: 5000, concurrent: 5, app_per_minute: 10_000 }
    }
}

/// HubSpot's limits for an OAuth app, per portal.
#[derive(Debug, Clone, Copy)]
pub struct HubspotLimits {
    /// Requests in any ten seconds, searches not counted.
    pub per_ten_seconds: u32,
    /// Searches in any second.
    pub searches_per_second: u32,
}

impl Default for HubspotLimits {
    fn default() -> Self {
        Self { per_ten_seconds: 110, searches_per_second: 5 }
    }
}

/// Shopify's limits, per shop: what its standard plan gives.
#[derive(Debug, Clone, Copy)]
pub struct ShopifyLimits {
    /// Points in a full bucket.
    pub points: u32,
    /// Points that come back each second.
    pub restored_per_second: u32,
    /// Points that one query may cost.
    pub points_per_query: u32,
}

impl Default for ShopifyLimits {
    fn default() -> Self {
        Self { points: 2000, restored_per_second: 100, points_per_query: 1000 }
    }
}

/// Asana's limits, per consent: what a free workspace gives.
#[derive(Debug, Clone, Copy)]
pub struct AsanaLimits {
    /// Requests in any minute, refused ones counted.
    pub per_minute: u32,
    /// GET requests running at once.
    pub concurrent_reads: u32,
    /// Other requests running at once.
    pub concurrent_writes: u32,
}

impl Default for AsanaLimits {
    fn default() -> Self {
        Self { per_minute: 150, concurrent_reads: 50, concurrent_writes: 15 }
    }
}

/// Slack's limits.
#[derive(Debug, Clone, Copy)]
pub struct SlackLimits {
    /// Messages in any second to one channel, or through one incoming webhook.
    pub messages_per_second: u32,
    /// Reads of channels in any minute, per workspace.
    pub reads_per_minute: u32,
}

impl Default for SlackLimits {
    fn default() -> Self {
        Self { messages_per_second: 1, reads_per_minute: 50 }
    }
}

/// The limit of an account at Amazon SES: what one that is out of the sandbox begins with.
#[derive(Debug, Clone, Copy)]
pub struct SesLimits {
    /// Mails in any second.
    pub mails_per_second: u32,
}

impl Default for SesLimits {
    fn default() -> Self {
        Self { mails_per_second: 14 }
    }
}

/// What every account has used of its limits.
#[derive(Default)]
pub struct Limits {
    xero: HashMap<String, OrganisationUse>,
    xero_app: FixedWindow,
    hubspot: HashMap<String, PortalUse>,
    shopify: HashMap<String, Bucket>,
    asana: HashMap<String, VecDeque<Timestamp>>,
    /// Messages by channel or webhook.
    slack_messages: HashMap<String, VecDeque<Timestamp>>,
    slack_reads: HashMap<String, VecDeque<Timestamp>>,
    mails: VecDeque<Timestamp>,
    running: HashMap<Place, u32>,
}

/// Where calls that are not answered yet are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    Xero(String),
    AsanaRead(String),
    AsanaWrite(String),
}

#[derive(Default)]
struct OrganisationUse {
    minute: FixedWindow,
    day: FixedWindow,
}

/// The points that a shop had left at a time.
struct Bucket {
    points: f64,
    at: Timestamp,
}

#[derive(Default)]
struct PortalUse {
    requests: VecDeque<Timestamp>,
    searches: VecDeque<Timestamp>,
}

/// Headers that go on the answer to an admitted call.
pub type RateHeaders = Vec<(&'static str, String)>;

/// Why HubSpot turned a call away, in its own words.
pub struct HubspotRefusal {
    pub policy: &'static str,
    pub message: &'static str,
    pub headers: RateHeaders,
}

impl Limits {
    /// Admits a call to an organisation and occupies one of its places, or answers 429.
    /// Xero's windows are fixed: they begin with the first call and end all at once.
    pub fn admit_xero(
        &mut self,
        limits: &XeroLimits,
        account: &str,
        now: Timestamp,
    ) -> Result<RateHeaders, Answer> {
        let used = self.xero.entry(account.to_owned()).or_default();
        used.minute.roll(MINUTE, now);
        used.day.roll(DAY, now);
        self.xero_app.roll(MINUTE, now);
        let running = self.running.entry(Place::Xero(account.to_owned())).or_default();
        let problem = if *running >= limits.concurrent {
            Some(("concurrent", None))
        } else if used.day.count >= limits.per_day {
            Some(("day", Some(used.day.seconds_left(DAY, now))))
        } else if used.minute.count >= limits.per_minute {
            Some(("minute", Some(used.minute.seconds_left(MINUTE, now))))
        } else if self.xero_app.count >= limits.app_per_minute {
            Some(("appminute", Some(self.xero_app.seconds_left(MINUTE, now))))
        } else {
            *running += 1;
            used.minute.count += 1;
            used.day.count += 1;
            self.xero_app.count += 1;
            None
        };
        let headers = vec![
            ("x-daylimit-remaining", limits.per_day.saturating_sub(used.day.count).to_string()),
            ("x-minlimit-remaining", limits.per_minute.saturating_sub(used.minute.count).to_string()),
            (
                "x-appminlimit-remaining",
                limits.app_per_minute.saturating_sub(self.xero_app.count).to_string(),
            ),
        ];
        match problem {
            None => Ok(headers),
            Some((name, retry_after)) => {
                let mut answer = xero_too_many(name, retry_after);
                answer.headers.extend(headers);
                Err(answer)
            }
        }
    }

    /// Gives the place of an answered call back.
    pub fn release(&mut self, place: &Place) {
        if let Some(running) = self.running.get_mut(place) {
            // A reset between call and answer has set the count to nought already.
            *running = running.saturating_sub(1);
        }
    }

    /// The points that a shop has left.
    pub fn shopify_points(&mut self, limits: &ShopifyLimits, shop: &str, now: Timestamp) -> f64 {
        let full = f64::from(limits.points);
        let bucket = self.shopify.entry(shop.to_owned()).or_insert(Bucket { points: full, at: now });
        let restored = now.duration_since(bucket.at).as_secs_f64() * f64::from(limits.restored_per_second);
        *bucket = Bucket { points: (bucket.points + restored).min(full), at: now };
        bucket.points
    }

    /// Takes what a query cost out of a shop's bucket, as it was last looked at.
    pub fn charge_shopify(&mut self, shop: &str, points: u32) {
        if let Some(bucket) = self.shopify.get_mut(shop) {
            bucket.points -= f64::from(points);
        }
    }

    /// Admits a call and occupies one of the consent's places, or says after how many seconds to come again.
    /// Refused calls count as well, so that whoever hammers stays out.
    pub fn admit_asana(
        &mut self,
        limits: &AsanaLimits,
        account: &str,
        is_read: bool,
        now: Timestamp,
    ) -> Result<Place, i64> {
        let requests = self.asana.entry(account.to_owned()).or_default();
        while requests.front().is_some_and(|first| now.duration_since(*first) >= MINUTE) {
            requests.pop_front();
        }
        requests.push_back(now);
        let most = limits.per_minute as usize;
        if requests.len() > most {
            // This one has to leave the window before one more call fits.
            let in_the_way = requests[requests.len() - most.max(1)];
            return Err(whole_seconds(MINUTE - now.duration_since(in_the_way)));
        }
        let (place, most) = match is_read {
            true => (Place::AsanaRead(account.to_owned()), limits.concurrent_reads),
            false => (Place::AsanaWrite(account.to_owned()), limits.concurrent_writes),
        };
        let running = self.running.entry(place.clone()).or_default();
        if *running >= most {
            return Err(1);
        }
        *running += 1;
        Ok(place)
    }

    /// Admits a message to a channel, or through a webhook.
    pub fn admit_slack_message(&mut self, limits: &SlackLimits, place: &str, now: Timestamp) -> bool {
        let messages = self.slack_messages.entry(place.to_owned()).or_default();
        admit_rolling(messages, limits.messages_per_second, SECOND, now)
    }

    /// Admits a read of a channel.
    pub fn admit_slack_read(&mut self, limits: &SlackLimits, team: &str, now: Timestamp) -> bool {
        let reads = self.slack_reads.entry(team.to_owned()).or_default();
        admit_rolling(reads, limits.reads_per_minute, MINUTE, now)
    }

    /// Admits a mail.
    pub fn admit_mail(&mut self, limits: &SesLimits, now: Timestamp) -> bool {
        admit_rolling(&mut self.mails, limits.mails_per_second, SECOND, now)
    }

    /// Admits a request to a portal, searches aside. HubSpot's window rolls.
    pub fn admit_hubspot(
        &mut self,
        limits: &HubspotLimits,
        account: &str,
        now: Timestamp,
    ) -> Result<RateHeaders, HubspotRefusal> {
        let requests = &mut self.hubspot.entry(account.to_owned()).or_default().requests;
        let admitted = admit_rolling(requests, limits.per_ten_seconds, TEN_SECONDS, now);
        let remaining = (limits.per_ten_seconds as usize).saturating_sub(requests.len());
        let headers = vec![
            ("x-hubspot-ratelimit-max", limits.per_ten_seconds.to_string()),
            ("x-hubspot-ratelimit-remaining", remaining.to_string()),
            ("x-hubspot-ratelimit-interval-milliseconds", TEN_SECONDS.as_millis().to_string()),
        ];
        if admitted {
            return Ok(headers);
        }
        let message = "You have reached your ten_secondly_rolling limit.";
        Err(HubspotRefusal { policy: "TEN_SECONDLY_ROLLING", message, headers })
    }

    /// Admits a search; searches have a limit of their own and carry no rate headers.
    pub fn admit_hubspot_search(
        &mut self,
        limits: &HubspotLimits,
        account: &str,
        now: Timestamp,
    ) -> Result<RateHeaders, HubspotRefusal> {
        let searches = &mut self.hubspot.entry(account.to_owned()).or_default().searches;
        if admit_rolling(searches, limits.searches_per_second, SECOND, now) {
            return Ok(Vec::new());
        }
        let message = "You have reached your secondly limit.";
        Err(HubspotRefusal { policy: "SECONDLY", message, headers: Vec::new() })
    }
}

/// Xero's 429; the limit on concurrent calls comes without a time.
pub fn xero_too_many(problem: &str, retry_after_s: Option<i64>) -> Answer {
    let answer = Answer::empty(429).with_header("x-rate-limit-problem", problem);
    match retry_after_s {
        Some(seconds) => answer.with_header("retry-after", seconds),
        None => answer,
    }
}

#[derive(Default)]
struct FixedWindow {
    began: Option<Timestamp>,
    count: u32,
}

impl FixedWindow {
    fn roll(&mut self, length: SignedDuration, now: Timestamp) {
        if self.began.is_none_or(|began| now.duration_since(began) >= length) {
            *self = Self { began: Some(now), count: 0 };
        }
    }

    /// Whole seconds until the window ends, at least one.
    fn seconds_left(&self, length: SignedDuration, now: Timestamp) -> i64 {
        let passed = self.began.map_or(SignedDuration::ZERO, |began| now.duration_since(began));
        whole_seconds(length - passed)
    }
}

fn whole_seconds(left: SignedDuration) -> i64 {
    (left.as_millis() as f64 / 1000.0).ceil().max(1.0) as i64
}

fn admit_rolling(seen: &mut VecDeque<Timestamp>, most: u32, within: SignedDuration, now: Timestamp) -> bool {
    while seen.front().is_some_and(|first| now.duration_since(*first) >= within) {
        seen.pop_front();
    }
    let admitted = seen.len() < most as usize;
    if admitted {
        seen.push_back(now);
    }
    admitted
}
