#![no_main]

use zixly_webhooks_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| parsers::check_shopify(input));
