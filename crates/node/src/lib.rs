//! One server's whole brain: sessions, request ordering, the read gate. Pure.
