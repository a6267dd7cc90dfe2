//! A JSON object as Xero keeps it: fields in their order, amounts with every digit.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

/// The fields of a record. An amount read as a float would lose its zeros, so every value stays as text.
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

/// A number with the digits that it was written with; also taken as text, as Xero does.
#[derive(Clone, Copy)]
pub struct Number(pub Decimal);

impl Fields {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A text; none when the field is missing or something else.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// An object; empty when the field is missing or something else.
    pub fn object(&self, name: &str) -> Self {
        self.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }

    pub fn number(&self, name: &str) -> Option<Decimal> {
        serde_json::from_str(self.get(name)?.get()).ok().map(|Number(number)| number)
    }

    /// Puts a value in the place of the one by this name, or at the end.
    pub fn set(&mut self, name: &str, value: impl Serialize) {
        let value = to_raw_value(&value).expect("texts, numbers and fields always serialise");
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, present)) => *present = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.set(name, value);
        self
    }

    /// As [`Self::with`], where there is a value.
    pub fn with_some(self, name: &str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The fields with this one in front.
    pub fn after(mut self, name: &str, value: impl Serialize) -> Self {
        let first = Self::default().with(name, value);
        self.0.splice(0..0, first.0);
        self
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Box::<RawValue>::deserialize(deserializer)?;
        let digits = written.get().trim_matches('"');
        let number = Decimal::from_str(digits).or_else(|_| Decimal::from_scientific(digits));
        number.map(Self).map_err(|_| serde::de::Error::custom(format!("{digits} is not a number")))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.to_string()).expect("a decimal is a JSON number");
        digits.serialize(serializer)
    }
}
