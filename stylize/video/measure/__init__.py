"""What is measured while frames pass by: flicker, times, cuts."""
