#![no_main]

use zixly_webhooks_fuzz::verifiers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| verifiers::check_body_signature(&verifiers::XERO, input));
