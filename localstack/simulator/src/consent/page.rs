//! The pages as a browser gets them. They run no script, and everything in them that others have written is escaped.

use super::Request;
use crate::{
    accounts::Account,
    call::{Answer, Provider},
};

const STYLE: &str = "body{font-family:system-ui,sans-serif;line-height:1.5;max-width:34rem;margin:3rem auto;\
                     padding:0 1rem}label,button{display:block;margin:.5rem 0}";

/// The page on which a user decides.
pub fn consent(provider: Provider, request: &Request, accounts: &[&Account]) -> Answer {
    let words = words(provider);
    let scopes: String = request.scopes.iter().map(|scope| format!("<li>{}</li>", escape(scope))).collect();
    let (title, allow, name) = (words.title, words.allow, words.provider);
    let client_id = escape(&request.client_id);
    let choice = choice(provider, words.accounts, accounts);
    let body = format!(
        r#"<p>The app <strong>{client_id}</strong> asks for access to your {name} data.</p>
<h2 id="scopes">What it asks for</h2>
<ul aria-labelledby="scopes">{scopes}</ul>
<form method="post">
{choice}
<button name="answer" value="allow">{allow}</button>
<button name="answer" value="cancel">Cancel</button>
</form>"#
    );
    page(200, title, &body)
}

/// The page of a request that is not good; it leads nowhere.
pub fn problem(status: u16, provider: Provider, problem: &str) -> Answer {
    let title = format!("{} cannot show this page", words(provider).provider);
    page(status, &title, &format!(r#"<p role="alert">{}</p>"#, escape(problem)))
}

/// Shopify's page after a no: the user stays in the shop's admin.
pub fn not_installed() -> Answer {
    page(200, "The app was not installed", "<p>Nothing has changed. You can close this page.</p>")
}

struct Words {
    provider: &'static str,
    title: &'static str,
    accounts: &'static str,
    allow: &'static str,
}

fn words(provider: Provider) -> Words {
    let (provider, title, accounts, allow) = match provider {
        Provider::Hubspot => ("HubSpot", "Connect an app to HubSpot", "Choose an account", "Allow access"),
        Provider::Shopify => ("Shopify", "Install an app", "Shop", "Install app"),
        Provider::Asana => ("Asana", "Connect an app to Asana", "All your workspaces", "Allow access"),
        _ => ("Xero", "Connect an app to Xero", "Select organisations", "Allow access"),
    };
    Words { provider, title, accounts, allow }
}

/// The user's accounts: several at Xero, one at HubSpot, and nothing to choose elsewhere.
fn choice(provider: Provider, legend: &str, accounts: &[&Account]) -> String {
    let list = |item: &dyn Fn(usize, &Account) -> String| -> String {
        accounts.iter().enumerate().map(|(at, account)| item(at, account)).collect()
    };
    let input = |kind: &str, is_checked: bool, account: &Account| {
        let (id, name) = (escape(&account.id), escape(&account.name));
        let checked = if is_checked { " checked" } else { "" };
        format!(r#"<label><input type="{kind}" name="account" value="{id}"{checked}> {name}</label>"#)
    };
    let fields = match provider {
        Provider::Shopify | Provider::Asana => {
            let names = list(&|_, account| format!("<li>{}</li>", escape(&account.name)));
            return format!(r#"<h2 id="accounts">{legend}</h2><ul aria-labelledby="accounts">{names}</ul>"#);
        }
        Provider::Hubspot => list(&|at, account| input("radio", at == 0, account)),
        _ => list(&|_, account| input("checkbox", true, account)),
    };
    format!("<fieldset><legend>{legend}</legend>{fields}</fieldset>")
}

fn page(status: u16, title: &str, body: &str) -> Answer {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>
<body><main><h1>{title}</h1>
{body}
</main></body>
</html>
"#
    );
    // Where a form may lead to is not said here: browsers would hold the redirect to the app against it too.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    Answer::text(status, "text/html; charset=utf-8", html)
        .with_header("content-security-policy", policy)
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-content-type-options", "nosniff")
        .with_header("cache-control", "no-store")
}

/// Text as it may stand in an element and in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
