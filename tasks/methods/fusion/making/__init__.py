"""Makes one network of a family's members and judges it as fairly as they are. One file a kind of way."""
