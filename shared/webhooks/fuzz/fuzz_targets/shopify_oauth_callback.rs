#![no_main]

use zixly_webhooks_fuzz::oauth_callback;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oauth_callback::check(input));
