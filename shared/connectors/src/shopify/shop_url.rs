use std::str::FromStr;

use crate::ProviderUrl;

const PLACE: &str = "{shop}";

/// The address of every shop: a [`ProviderUrl`] with `{shop}` where the shop's domain goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopUrl(String);

/// A text that is no [`ShopUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address of a shop is an http or https URL with {PLACE} in it once, as in https://{PLACE}")]
pub struct InvalidShopUrl;

impl FromStr for ShopUrl {
    type Err = InvalidShopUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Self(text.to_owned());
        match url.of("a.myshopify.com") {
            Some(_) if text.matches(PLACE).count() == 1 => Ok(url),
            _ => Err(InvalidShopUrl),
        }
    }
}

impl ShopUrl {
    /// The address of this shop; nothing for what is no shop's domain.
    pub(super) fn of(&self, shop: &str) -> Option<ProviderUrl> {
        if !is_shop(shop) {
            return None;
        }
        self.0.replace(PLACE, shop).parse().ok()
    }
}

/// Shopify's own rule: `^[a-zA-Z0-9][a-zA-Z0-9-_]*\.myshopify\.com$`.
fn is_shop(domain: &str) -> bool {
    let Some(name) = domain.strip_suffix(".myshopify.com") else { return false };
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shop_has_an_address() {
        let url: ShopUrl = "https://{shop}".parse().unwrap();
        let address = |shop| url.of(shop).map(|address| address.join(&["admin"]).to_string());
        assert_eq!(
            address("quickstart-1.myshopify.com").unwrap(),
            "https://quickstart-1.myshopify.com/admin"
        );
        for shop in [
            "",
            "evil.example",
            ".myshopify.com",
            "-a.myshopify.com",
            "a.myshopify.com.evil.example",
            "evil.example/.myshopify.com",
            "evil.example#.myshopify.com",
            "user@evil.myshopify.com",
            "a.b.myshopify.com",
            "a.myshopify.com\n",
        ] {
            assert_eq!(address(shop), None, "{shop}");
        }
    }

    #[test]
    fn an_address_has_one_place_for_the_shop() {
        assert!("http://127.0.0.1:4600/shopify/{shop}".parse::<ShopUrl>().is_ok());
        for text in
            ["https://shop.example", "https://{shop}/{shop}", "ftp://{shop}", "{shop}", "https://u:p@{shop}"]
        {
            assert_eq!(text.parse::<ShopUrl>(), Err(InvalidShopUrl), "{text}");
        }
    }
}
