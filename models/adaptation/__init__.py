"""What learns and notices change while it runs. Nothing here is fitted beforehand."""
