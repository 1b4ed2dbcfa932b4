//! Texts of a case against the heads of requests.

/// Whether the head of a request contains `text`, as it is or with its field names in lower case: clients differ in the case of names,
/// which has no meaning (RFC 9110 section 5.1). A text that names a field in another case demands that case.
#[must_use]
pub fn head_contains(head: &str, text: &str) -> bool {
    head.contains(text) || with_names_in_lower_case(head).contains(text)
}

fn with_names_in_lower_case(head: &str) -> String {
    let mut lines = head.split_inclusive('\n');
    let mut lowered: String = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) => {
                lowered.push_str(&name.to_ascii_lowercase());
                lowered.push(':');
                lowered.push_str(value);
            }
            None => lowered.push_str(line),
        }
    }
    lowered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_lower_case_and_values_as_they_are() {
        let head = "GET /A:B HTTP/1.1\r\nHost: h\r\nIf-RANGE: \"One\"\r\n\r\n";
        for text in
            ["GET /A:B", "host: h\r\n", "Host: h\r\nIf-RANGE", "host: h\r\nif-range: \"One\"", "range"]
        {
            assert!(head_contains(head, text), "{text}");
        }
        for text in ["get /a:b", "HOST", "if-range: \"one\"", "If-Range", "cookie"] {
            assert!(!head_contains(head, text), "{text}");
        }
    }
}
