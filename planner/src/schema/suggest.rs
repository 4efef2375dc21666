//! Finds the documents that have a field of a given name.

use super::{Kind, Object, Type};

/// Every path of a field called `name`, such as `ClusterConfiguration.networking.podSubnet`.
#[must_use]
pub fn places_of(name: &str) -> Vec<String> {
    let mut places = Vec::new();
    for kind in Kind::ALL {
        collect(kind.object(), kind.name(), name, &mut places);
    }
    places
}

fn collect(object: &Object, path: &str, name: &str, places: &mut Vec<String>) {
    for field in object.fields {
        let path = format!("{path}.{}", field.name);
        let mut ty = &field.ty;
        let mut inner = path.clone();
        while let Type::List(item) | Type::Map(item) = ty {
            ty = item;
            inner.push_str("[]");
        }
        // A document inside another one is already listed by itself.
        let is_document = |object| {
            Kind::ALL
                .into_iter()
                .any(|kind| std::ptr::eq(kind.object(), object))
        };
        if let Type::Object(object) = ty
            && !is_document(*object)
        {
            collect(object, &inner, name, places);
        }
        if field.name == name {
            places.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_other_documents() {
        assert_eq!(
            places_of("podSubnet"),
            ["ClusterConfiguration.networking.podSubnet"]
        );
        assert!(
            places_of("kubeletExtraArgs")
                .contains(&"InitConfiguration.nodeRegistration.kubeletExtraArgs".to_owned())
        );
    }
}
