"""The hardware boundary.

`driver.QDriver` is what a hardware model implements, `spec` what it declares.
"""
