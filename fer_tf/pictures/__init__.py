"""Pictures: found in folders, and read within limits of bytes, pixels and scans."""
