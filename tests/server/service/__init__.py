"""Tests of the HTTP service: accounts, access, prescriptions, plans."""
