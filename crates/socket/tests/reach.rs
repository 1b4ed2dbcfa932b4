//! Which IP addresses belong to the public internet.

use longhaul_socket::is_public;

#[test]
fn special_purpose_addresses_are_not_public() {
    let special = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 \
        172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 \
        198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 \
        :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:192.168.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 \
        2001:db8::1 2002:7f00:1::1 2002:a00:1::1 3fff::1 4000::1 5f00::1 fc00::1 fd00::1 fe80::1 fec0::1 ff02::1";
    for ip in special.split_whitespace() {
        assert!(!is_public(ip.parse().unwrap()), "{ip}");
    }
}

#[test]
fn global_unicast_addresses_are_public() {
    let public = "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 193.99.144.80 \
        198.17.255.255 198.20.0.1 223.255.255.255 2001:4860:4860::8888 2606:4700:4700::1111 2a00::1 \
        ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1";
    for ip in public.split_whitespace() {
        assert!(is_public(ip.parse().unwrap()), "{ip}");
    }
}
