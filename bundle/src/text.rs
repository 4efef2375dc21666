//! What values with one written form have in common.
//!
//! A type that parses itself (`FromStr`) and prints itself (`Display`) gets the conversions that serde uses, so every
//! document is read through the same parser as everything else.

/// `TryFrom<String>` by `FromStr`, and `From` into `String` by `Display`.
macro_rules! text_form {
    ($type:ty, $error:ty) => {
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

/// `Display` and `Debug` of a type that is a text: as it is, and quoted.
macro_rules! text_display {
    ($type:ty) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}
