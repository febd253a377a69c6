"""What alerts are worth to who maintains: crews work off cases of unseen fleets. No policy for cases."""
