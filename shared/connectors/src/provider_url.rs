use std::str::FromStr;

use reqwest::Url;

/// An `http` or `https` address at a provider to which paths can be added; it carries no credentials and no query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderUrl(Url);

/// A text that is no [`ProviderUrl`]. It is not repeated here, since it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a provider's address is an http or https URL without user name, password, query and fragment")]
pub struct InvalidProviderUrl;

impl FromStr for ProviderUrl {
    type Err = InvalidProviderUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidProviderUrl)?;
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if is_plain && matches!(url.scheme(), "http" | "https") {
            Ok(Self(url))
        } else {
            Err(InvalidProviderUrl)
        }
    }
}

impl ProviderUrl {
    /// This address with the segments added, each escaped so that it stays one segment.
    pub(crate) fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(segments);
        // In a path `+` means itself, but some servers read a space; `%2B` is read alike by all.
        let path = url.path().replace('+', "%2B");
        url.set_path(&path);
        url
    }

    /// Whether `url` is this address with a path added and nothing else.
    pub(crate) fn leads_to(&self, url: &Url) -> bool {
        let folder = format!("{}/", self.0.path().trim_end_matches('/'));
        Self::from_str(url.as_str()).is_ok()
            && url.origin() == self.0.origin()
            && url.path().strip_prefix(&folder).is_some_and(|rest| !rest.is_empty())
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, segment: &str) -> String {
        base.parse::<ProviderUrl>().unwrap().join(&["contacts", segment]).to_string()
    }

    #[test]
    fn a_segment_is_escaped_whatever_it_holds() {
        let base = "https://api.example/v1";
        assert_eq!(
            joined(base, "pat+tag@example.com"),
            "https://api.example/v1/contacts/pat%2Btag@example.com"
        );
        assert_eq!(joined(base, "a/b?c#d%41"), "https://api.example/v1/contacts/a%2Fb%3Fc%23d%2541");
        assert_eq!(
            joined(base, "zoë@exämple.com"),
            "https://api.example/v1/contacts/zo%C3%AB@ex%C3%A4mple.com"
        );
    }

    #[test]
    fn a_segment_cannot_climb_out_of_its_folder() {
        assert_eq!(joined("https://api.example/v1", ".."), "https://api.example/v1/contacts");
    }

    #[test]
    fn a_trailing_slash_in_the_base_is_ignored() {
        assert_eq!(joined("http://127.0.0.1:9/", "1"), "http://127.0.0.1:9/contacts/1");
    }

    #[test]
    fn an_address_leads_below_itself_and_nowhere_else() {
        let leads_to =
            |base: &str, url: &str| base.parse::<ProviderUrl>().unwrap().leads_to(&url.parse().unwrap());
        assert!(leads_to("https://hooks.example", "https://hooks.example/services/T/B/x"));
        assert!(leads_to("http://127.0.0.1:9/slack/", "http://127.0.0.1:9/slack/services/T"));
        for url in [
            "http://hooks.example/services/x",
            "https://hooks.example:8443/services/x",
            "https://hooks.example.evil/services/x",
            "https://user@hooks.example/services/x",
            "https://hooks.example/services/x?y",
            "https://hooks.example/services/../other/x",
            "https://hooks.example/services%2Fx",
            "https://hooks.example/services/",
            "https://169.254.169.254/services/x",
        ] {
            assert!(!leads_to("https://hooks.example/services", url), "{url}");
        }
    }

    #[test]
    fn an_address_with_anything_hidden_in_it_is_refused() {
        for text in
            ["ftp://a", "https://user:word@a", "https://a?token=1", "https://a#b", "mailto:a@b.c", "api"]
        {
            assert_eq!(text.parse::<ProviderUrl>(), Err(InvalidProviderUrl), "{text}");
        }
    }
}
