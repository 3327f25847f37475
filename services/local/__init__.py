"""Everything `pulse up` needs to run the whole suite on one laptop."""
